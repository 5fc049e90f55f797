//! Reads single values: texts with their `${…}`, secrets, words, durations, paths.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::duration::parse_duration;
use super::fault::Fault;
use super::reader::{Item, Reader, Section};
use super::template::{self, Part};
use super::tree::Value;
use super::words::{list, nearest};
use crate::outbound::SasUrl;
use crate::secret::SHORTEST_SECRET;

/// A text that is known, and whether it stands in the file as it is.
pub(crate) struct Text {
    pub(crate) text: String,
    pub(crate) literal: bool,
}

impl Reader<'_> {
    /// A text, its `${…}` filled in.
    pub(crate) fn text(&mut self, item: &Item<'_>) -> Option<Text> {
        let text = match &item.node.value {
            Value::Text(text) => text,
            Value::Null => {
                return self.bad(
                    item,
                    "this has no value",
                    "give it one, or take the key out".to_owned(),
                );
            }
            other => {
                let what = format!("this is {}, and a text is wanted", other.kind());
                return self.bad(
                    item,
                    &what,
                    "write one text; one that looks like something else goes into quotes"
                        .to_owned(),
                );
            }
        };
        let filled = template::split(text).and_then(|parts| {
            let literal = parts.iter().all(|part| matches!(part, Part::Literal(_)));
            match (literal, self.inputs) {
                (false, None) => Ok(None),
                (_, Some(inputs)) => template::join(&parts, inputs.env, self.base).map(Some),
                (true, None) => template::join(&parts, &|_| None, self.base).map(Some),
            }
            .map(|text| text.map(|text| Text { text, literal }))
        });
        match filled {
            Ok(text) => text,
            Err(fault) => self.wrong(item.node.at, &item.path, fault),
        }
    }

    /// A text that something else makes sense of.
    pub(crate) fn parsed<T>(
        &mut self,
        item: &Item<'_>,
        parse: impl FnOnce(&str) -> Result<T, Fault>,
    ) -> Option<T> {
        let text = self.text(item)?;
        match parse(&text.text) {
            Ok(value) => Some(value),
            Err(fault) => self.wrong(item.node.at, &item.path, fault),
        }
    }

    /// A text that is not empty.
    pub(crate) fn filled(&mut self, item: &Item<'_>) -> Option<String> {
        self.parsed(item, |text| match text.trim() {
            "" => Err(Fault::BadValue {
                what: "this is an empty text".to_owned(),
                hint: "give it a value, or take the key out".to_owned(),
            }),
            text => Ok(text.to_owned()),
        })
    }

    /// A secret: known to the redactor from here on. One that stands in the file is warned about.
    pub(crate) fn secret(&mut self, item: &Item<'_>) -> Option<SecretString> {
        let text = self.text(item)?;
        let secret = SecretString::from(text.text);
        if secret.expose_secret().len() < SHORTEST_SECRET {
            return self.bad(
                item,
                "this is too short to be a secret of Entra, and too short to be kept out of messages",
                "copy the secret's value (not its id) again; it has about 40 characters".to_owned(),
            );
        }
        if text.literal {
            self.warn(
                item,
                "a secret stands in the file; move it to ${env:NAME} or ${file:PATH}",
            );
        }
        self.register(&secret);
        Some(secret)
    }

    /// Makes a secret known to the redactor, where there is one.
    pub(crate) fn register(&self, secret: &SecretString) {
        if let Some(inputs) = &self.inputs {
            inputs.redactor.register(secret);
        }
    }

    /// Makes the signature of a URL known to the redactor, where there is one.
    pub(crate) fn register_url(&self, url: &SasUrl) {
        if let Some(inputs) = &self.inputs {
            url.register(inputs.redactor);
        }
    }

    /// True or false; `default` where the key is not there.
    pub(crate) fn boolean(
        &mut self,
        section: &Section<'_>,
        key: &str,
        default: bool,
    ) -> Option<bool> {
        let Some(item) = section.get(key) else {
            return Some(default);
        };
        if let Value::Bool(yes) = item.node.value {
            return Some(yes);
        }
        self.parsed(&item, |text| match text {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(Fault::BadValue {
                what: "this is neither true nor false".to_owned(),
                hint: "write `true` or `false`".to_owned(),
            }),
        })
    }

    /// A whole number from `least` to `most`.
    pub(crate) fn whole(&mut self, item: &Item<'_>, least: u32, most: u32) -> Option<u32> {
        let wrong = || Fault::BadValue {
            what: format!("this is no whole number from {least} to {most}"),
            hint: format!("write a number from {least} to {most}"),
        };
        let fits = |number: u64| {
            u32::try_from(number)
                .ok()
                .filter(|number| (least..=most).contains(number))
        };
        match &item.node.value {
            Value::Text(_) => self.parsed(item, |text| {
                let number = text.trim().parse().ok().and_then(fits);
                number.ok_or_else(wrong)
            }),
            Value::Number(number) => match number.as_u64().and_then(fits) {
                Some(number) => Some(number),
                None => self.wrong(item.node.at, &item.path, wrong()),
            },
            _ => self.wrong(item.node.at, &item.path, wrong()),
        }
    }

    /// One of these words; `default` where the key is not there.
    pub(crate) fn choice<T: Copy>(
        &mut self,
        section: &Section<'_>,
        key: &str,
        words: &[(&'static str, T)],
        default: T,
    ) -> Option<T> {
        match section.get(key) {
            Some(item) => self.word(&item, words),
            None => Some(default),
        }
    }

    /// One of these words.
    pub(crate) fn word<T: Copy>(
        &mut self,
        item: &Item<'_>,
        words: &[(&'static str, T)],
    ) -> Option<T> {
        self.parsed(item, |text| {
            if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
                return Ok(*value);
            }
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            Err(none_of(text, &known))
        })
    }

    /// A duration; `default` where the key is not there.
    pub(crate) fn duration(
        &mut self,
        section: &Section<'_>,
        key: &str,
        default: Option<Duration>,
    ) -> Option<Duration> {
        match section.get(key) {
            Some(item) => self.span(&item),
            None => default,
        }
    }

    /// A duration.
    pub(crate) fn span(&mut self, item: &Item<'_>) -> Option<Duration> {
        // `30` is a number to YAML, and a duration without its unit to its author.
        let Value::Number(number) = &item.node.value else {
            return self.parsed(item, parse_duration);
        };
        match parse_duration(&number.to_string()) {
            Ok(duration) => Some(duration),
            Err(fault) => self.wrong(item.node.at, &item.path, fault),
        }
    }

    /// A path, relative to the configuration.
    pub(crate) fn path(&mut self, item: &Item<'_>) -> Option<PathBuf> {
        self.filled(item).map(|text| self.base.join(text))
    }
}

/// The fault of a word that is none of the known ones.
pub(crate) fn none_of(word: &str, known: &[&str]) -> Fault {
    Fault::BadValue {
        what: format!("this is none of {}", list(known)),
        hint: match nearest(word, known) {
            Some(nearest) => format!("did you mean `{nearest}`?"),
            None => "write one of them".to_owned(),
        },
    }
}
