//! Where the configuration lies.
//!
//! `--config`, else `HOST_RUNNER_CONFIG`, else `./refresh.yaml`, else the user's config folder. A
//! file that was named must be there: another one in its place would refresh something else.

use std::path::{Path, PathBuf};

use super::error::ConfigError;
use super::fault::Fault;
use super::template::Env;

/// The name of the configuration where none is given.
pub const FILE_NAME: &str = "refresh.yaml";

/// The configuration, or nothing where none was named and none lies in the usual places. `here` is
/// the working directory, and `exists` says whether a path is there (whatever it is: reading it says what is wrong with it).
pub fn find_config(
    named: Option<&Path>,
    env: Env<'_>,
    here: &Path,
    exists: &dyn Fn(&Path) -> bool,
) -> Result<Option<PathBuf>, ConfigError> {
    let from_env = || {
        env("HOST_RUNNER_CONFIG")
            .filter(|path| !path.is_empty())
            .map(PathBuf::from)
    };
    if let Some(path) = named.map(Path::to_path_buf).or_else(from_env) {
        return if exists(&here.join(&path)) {
            Ok(Some(path))
        } else {
            Err(ConfigError::of_option("", Fault::ConfigNotFound { path }))
        };
    }
    Ok(usual_places(env)
        .into_iter()
        .find(|path| exists(&here.join(path))))
}

/// Where a configuration is looked for when none is named, in order.
#[must_use]
pub fn usual_places(env: Env<'_>) -> Vec<PathBuf> {
    let absolute = |name: &str| {
        env(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let folder =
        absolute("XDG_CONFIG_HOME").or_else(|| absolute("HOME").map(|home| home.join(".config")));
    let mut places = vec![PathBuf::from(FILE_NAME)];
    places.extend(folder.map(|folder| folder.join("host-runner").join(FILE_NAME)));
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(
        named: Option<&str>,
        vars: &[(&str, &str)],
        files: &[&str],
    ) -> Result<Option<String>, ConfigError> {
        let env = |name: &str| {
            vars.iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| (*value).to_owned())
        };
        let exists = |path: &Path| files.iter().any(|file| Path::new(file) == path);
        find_config(named.map(Path::new), &env, Path::new("/here"), &exists)
            .map(|path| path.map(|path| path.display().to_string()))
    }

    const EVERYWHERE: [&str; 5] = [
        "/named.yaml",
        "/env.yaml",
        "/here/refresh.yaml",
        "/xdg/host-runner/refresh.yaml",
        "/home/me/.config/host-runner/refresh.yaml",
    ];

    #[test]
    fn the_option_wins_over_the_environment_and_that_over_the_usual_places() {
        let vars = [
            ("HOST_RUNNER_CONFIG", "/env.yaml"),
            ("XDG_CONFIG_HOME", "/xdg"),
            ("HOME", "/home/me"),
        ];
        assert_eq!(
            found(Some("/named.yaml"), &vars, &EVERYWHERE)
                .unwrap()
                .as_deref(),
            Some("/named.yaml")
        );
        assert_eq!(
            found(None, &vars, &EVERYWHERE).unwrap().as_deref(),
            Some("/env.yaml")
        );
        let vars = &vars[1..];
        assert_eq!(
            found(None, vars, &EVERYWHERE).unwrap().as_deref(),
            Some("refresh.yaml")
        );
        assert_eq!(
            found(None, vars, &EVERYWHERE[3..]).unwrap().as_deref(),
            Some(EVERYWHERE[3])
        );
        assert_eq!(
            found(None, &vars[1..], &EVERYWHERE[3..])
                .unwrap()
                .as_deref(),
            Some(EVERYWHERE[4])
        );
        assert_eq!(found(None, vars, &[]).unwrap(), None);
    }

    #[test]
    fn a_file_that_was_named_and_is_not_there_is_an_error_and_no_other_takes_its_place() {
        let error = found(Some("absent.yaml"), &[], &EVERYWHERE).unwrap_err();
        assert_eq!(error.code(), "config_not_found");
        assert_eq!(
            error.message(),
            "there is no configuration file `absent.yaml`"
        );
        let error = found(None, &[("HOST_RUNNER_CONFIG", "gone.yaml")], &EVERYWHERE).unwrap_err();
        assert_eq!(error.code(), "config_not_found");
    }

    #[test]
    fn an_empty_variable_and_a_relative_folder_name_nothing() {
        let vars = [
            ("HOST_RUNNER_CONFIG", ""),
            ("XDG_CONFIG_HOME", "xdg"),
            ("HOME", "/home/me"),
        ];
        assert_eq!(
            found(None, &vars, &EVERYWHERE[4..]).unwrap().as_deref(),
            Some(EVERYWHERE[4])
        );
    }
}
