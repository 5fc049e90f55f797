//! JSON, read and written.
//!
//! Our own few lines, because `serde_json` with its floats and trees would weigh a fifth of the
//! component; it is the judge in the tests. Numbers stay the digits that they were, so that what a
//! person wrote into a payload goes out unchanged. It refuses everything that the standard does,
//! and nesting beyond [`DEEPEST`], so that no answer can exhaust the stack.

/// The deepest nesting that is read; the services' answers have five levels.
const DEEPEST: u32 = 64;

/// A JSON value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Json {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, as it was written.
    Number(String),
    /// A string.
    Text(String),
    /// An array.
    List(Vec<Json>),
    /// An object.
    Object(Object),
}

/// A JSON object, in the order in which it was written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Object(Vec<(String, Json)>);

impl Json {
    /// Reads a text that is one JSON value.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut reader = Reader { rest: text };
        let value = reader.value(0)?;
        reader.skip_blanks();
        reader.rest.is_empty().then_some(value)
    }

    /// The text, where it is one.
    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The object, where it is one.
    pub(crate) fn as_object(&self) -> Option<&Object> {
        match self {
            Self::Object(object) => Some(object),
            _ => None,
        }
    }

    fn write(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(true) => out.push_str("true"),
            Self::Bool(false) => out.push_str("false"),
            Self::Number(digits) => out.push_str(digits),
            Self::Text(text) => write_text(text, out),
            Self::List(values) => {
                out.push('[');
                for (at, value) in values.iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    value.write(out);
                }
                out.push(']');
            }
            Self::Object(object) => object.write(out),
        }
    }
}

impl Object {
    /// The value of a field; of the last one, where a name stands twice.
    pub(crate) fn get(&self, name: &str) -> Option<&Json> {
        self.0
            .iter()
            .rev()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value)
    }

    /// Sets a field, in its place where it is there already.
    pub(crate) fn set(&mut self, name: String, value: Json) {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name, value)),
        }
    }

    /// Whether there is no field.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Lays another object's fields over these.
    pub(crate) fn lay_over(&mut self, other: Self) {
        for (name, value) in other.0 {
            self.set(name, value);
        }
    }

    /// The object as text.
    pub(crate) fn to_text(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) {
        out.push('{');
        for (at, (name, value)) in self.0.iter().enumerate() {
            if at > 0 {
                out.push(',');
            }
            write_text(name, out);
            out.push(':');
            value.write(out);
        }
        out.push('}');
    }
}

fn write_text(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if u32::from(c) < 0x20 => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
}

/// What is still to be read.
struct Reader<'t> {
    rest: &'t str,
}

impl<'t> Reader<'t> {
    fn value(&mut self, depth: u32) -> Option<Json> {
        if depth > DEEPEST {
            return None;
        }
        self.skip_blanks();
        match self.rest.bytes().next()? {
            b'"' => self.text().map(Json::Text),
            b'{' => self.object(depth).map(Json::Object),
            b'[' => self.list(depth).map(Json::List),
            b't' => self.word("true", Json::Bool(true)),
            b'f' => self.word("false", Json::Bool(false)),
            b'n' => self.word("null", Json::Null),
            _ => self.number().map(Json::Number),
        }
    }

    fn object(&mut self, depth: u32) -> Option<Object> {
        let mut fields = Vec::new();
        self.take('{')?;
        if self.take('}').is_some() {
            return Some(Object(fields));
        }
        loop {
            self.skip_blanks();
            let name = self.text()?;
            self.take(':')?;
            fields.push((name, self.value(depth + 1)?));
            if self.take(',').is_none() {
                self.take('}')?;
                return Some(Object(fields));
            }
        }
    }

    fn list(&mut self, depth: u32) -> Option<Vec<Json>> {
        let mut values = Vec::new();
        self.take('[')?;
        if self.take(']').is_some() {
            return Some(values);
        }
        loop {
            values.push(self.value(depth + 1)?);
            if self.take(',').is_none() {
                self.take(']')?;
                return Some(values);
            }
        }
    }

    fn text(&mut self) -> Option<String> {
        self.rest = self.rest.strip_prefix('"')?;
        let mut out = String::new();
        loop {
            let plain = self
                .rest
                .bytes()
                .position(|byte| byte == b'"' || byte == b'\\' || byte < 0x20)?;
            out.push_str(self.pass(plain)?);
            match self.pass(1)? {
                "\"" => return Some(out),
                "\\" => out.push(self.escaped()?),
                _ => return None,
            }
        }
    }

    fn escaped(&mut self) -> Option<char> {
        Some(match self.pass(1)? {
            "n" => '\n',
            "t" => '\t',
            "r" => '\r',
            "b" => '\u{8}',
            "f" => '\u{c}',
            "u" => return self.code_point(),
            "\"" => '"',
            "\\" => '\\',
            "/" => '/',
            _ => return None,
        })
    }

    /// What follows `\u`: a character, or the two halves of one.
    fn code_point(&mut self) -> Option<char> {
        let first = self.hex()?;
        if !(0xD800..0xDC00).contains(&first) {
            return char::from_u32(first);
        }
        self.rest = self.rest.strip_prefix("\\u")?;
        let second = self.hex()?;
        if !(0xDC00..0xE000).contains(&second) {
            return None;
        }
        char::from_u32(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00))
    }

    fn hex(&mut self) -> Option<u32> {
        let mut value = 0;
        for digit in self.pass(4)?.chars() {
            value = value * 16 + digit.to_digit(16)?;
        }
        Some(value)
    }

    fn number(&mut self) -> Option<String> {
        let whole = self.rest;
        self.take_now('-');
        if self.take_now('0').is_none() {
            self.digits()?;
        }
        if self.take_now('.').is_some() {
            self.digits()?;
        }
        if self.take_now('e').or_else(|| self.take_now('E')).is_some() {
            let _sign = self.take_now('+').or_else(|| self.take_now('-'));
            self.digits()?;
        }
        let length = whole.len().checked_sub(self.rest.len())?;
        whole.get(..length).map(str::to_owned)
    }

    fn digits(&mut self) -> Option<()> {
        let after = self.rest.trim_start_matches(|c: char| c.is_ascii_digit());
        if after.len() == self.rest.len() {
            return None;
        }
        self.rest = after;
        Some(())
    }

    fn word(&mut self, word: &str, value: Json) -> Option<Json> {
        self.rest = self.rest.strip_prefix(word)?;
        Some(value)
    }

    /// Takes this character, after blanks.
    fn take(&mut self, wanted: char) -> Option<()> {
        self.skip_blanks();
        self.take_now(wanted)
    }

    fn take_now(&mut self, wanted: char) -> Option<()> {
        self.rest = self.rest.strip_prefix(wanted)?;
        Some(())
    }

    fn pass(&mut self, length: usize) -> Option<&'t str> {
        let (passed, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(passed)
    }

    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours(text: &str) -> Option<String> {
        let mut out = String::new();
        Json::parse(text)?.write(&mut out);
        Some(out)
    }

    /// Both read the text alike: refuse it, or take the same out of it.
    fn agree(text: &str) {
        let theirs: Option<serde_json::Value> = serde_json::from_str(text).ok();
        let ours = ours(text).map(|again| {
            serde_json::from_str::<serde_json::Value>(&again)
                .unwrap_or_else(|_| panic!("written wrongly: {again}"))
        });
        assert_eq!(ours, theirs, "{text}");
    }

    const TEXTS: [&str; 14] = [
        r#"{"a":1,"b":[true,false,null],"c":{"d":"e"}}"#,
        " [ 1 , 2.50 , -0.1e-3 , 0 , 1E+2 ] ",
        r#""\"\\\/\b\f\n\r\t\u0041\u00e9\ud83d\ude00""#,
        r#"{"":"","a":{},"b":[]}"#,
        r#"{"é":"naïve 😀 text"}"#,
        "\"\u{7f}\"",
        "-12",
        "null",
        "01",
        "[1,]",
        r#"{"a":1,}"#,
        r#""\ud83d""#,
        "\"a\tb\"",
        "1.",
    ];

    #[test]
    fn we_read_and_write_what_a_library_does() {
        for text in TEXTS {
            agree(text);
        }
    }

    #[test]
    fn we_agree_on_every_text_with_a_character_left_out_doubled_or_replaced() {
        for text in TEXTS {
            let chars: Vec<char> = text.chars().collect();
            for at in 0..chars.len() {
                let mut shorter = chars.clone();
                shorter.remove(at);
                agree(&shorter.into_iter().collect::<String>());
                for c in [
                    '"', '\\', '{', ']', ',', ':', '0', '-', 'e', 'u', ' ', '\n', 'é',
                ] {
                    let mut changed = chars.clone();
                    changed[at] = c;
                    agree(&changed.iter().collect::<String>());
                    changed.insert(at, chars[at]);
                    agree(&changed.iter().collect::<String>());
                }
            }
        }
    }

    #[test]
    fn a_number_stays_as_it_was_written() {
        let text = r#"{"a":1.10,"b":12345678901234567890123,"c":-0}"#;
        assert_eq!(ours(text).as_deref(), Some(text));
    }

    #[test]
    fn the_last_field_of_a_name_counts() {
        let json = Json::parse(r#"{"a":1,"a":2}"#).unwrap();
        let value = json.as_object().unwrap().get("a");
        assert_eq!(value, Some(&Json::Number("2".into())));
    }

    #[test]
    fn what_is_nested_too_deep_is_refused() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(Json::parse(&nested(60)).is_some());
        assert!(Json::parse(&nested(100_000)).is_none());
        assert!(Json::parse(&"{\"a\":".repeat(100_000)).is_none());
    }
}
