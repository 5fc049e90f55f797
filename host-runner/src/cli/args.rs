//! The command line: options and help texts.
//!
//! Every option except `--component` and those of `audit resolve` can also be set by the environment
//! variable `HOST_RUNNER_<OPTION>`; [`command`] adds these in one place. An option overrides the environment,
//! which overrides the file. No option takes a secret: `--url-env` takes the name of the variable
//! that holds one.

use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::{Arg, ArgAction, Args, CommandFactory, Parser, Subcommand};

use crate::audit_log::event::Decision;
use crate::config::TargetOptions;
use crate::report::{ColorChoice, Level, OutputChoice};
use crate::verdict::Status;

/// Refresh Power BI content from an orchestrator and report the verified outcome
#[derive(Debug, Parser)]
#[command(
    name = "host-runner",
    version,
    about,
    long_about = "Refresh Power BI content from an orchestrator and report the verified outcome.\n\n\
        A flow that answers 202 has not refreshed anything yet. host-runner triggers the refresh, \
        follows the run at the service, stores every step in a durable audit log, and exits with a \
        code that states the outcome.",
    after_help = "Run `host-runner help refresh` for examples and exit codes. Every option of every command except \
        --component and those of `audit resolve` can also be set by an environment variable: HOST_RUNNER_DRY_RUN=true \
        is --dry-run. An empty variable is ignored.",
    propagate_version = true,
    arg_required_else_help = true,
    max_term_width = 120
)]
pub struct Cli {
    /// Global options.
    #[command(flatten)]
    pub common: Common,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub struct Common {
    /// Configuration file [default: ./refresh.yaml, then the user's configuration folder]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Output format; `auto` is `kestra` in a Kestra task and `text` otherwise
    #[arg(long, global = true, value_enum, default_value = "auto")]
    pub output: OutputChoice,
    /// Audit log, for example sqlite:/var/lib/host-runner/audit.db [default: `audit:` in the
    /// configuration, then audit.db in the user's state folder]
    #[arg(long, global = true, value_name = "URL")]
    pub audit: Option<String>,
    /// Minimum log level
    #[arg(long, global = true, value_enum)]
    pub log_level: Option<Level>,
    /// Log errors only
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Log more; repeat for debug and trace messages
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
    /// When to use colors
    #[arg(long, global = true, value_enum, default_value = "auto")]
    pub color: ColorChoice,
    /// Send logs and metrics to Kestra as OTLP, with exact times and the trace id. Requires Kestra 2.0
    /// or 1.3.34: older versions drop these logs
    #[arg(long, global = true)]
    pub kestra_otlp: bool,
    /// Show no progress: neither the status line on a terminal nor, without one, a line per change of
    /// state and per minute of a long wait
    #[arg(long, global = true)]
    pub no_progress: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Trigger a refresh, follow it to the end, report the outcome
    Refresh(RefreshArgs),
    /// Report on a refresh that was started earlier; never triggers
    Follow(FollowArgs),
    /// Ask the service to stop a refresh
    Cancel(CancelArgs),
    /// Find configuration, permission and network problems; never triggers
    Check(CheckArgs),
    /// List what the credentials can see
    #[command(subcommand)]
    List(ListCommand),
    /// Show the embedded component: digest, size, imports, WIT
    Component(ComponentArgs),
    /// Convert the configuration of a legacy script
    ImportConfig(ImportArgs),
    /// Print the JSON Schema of the configuration, for editors
    Schema,
    /// Read the audit log, or record a decision on a run
    #[command(subcommand)]
    Audit(AuditCommand),
}

/// A target given by options, and the component to run.
#[derive(Debug, Args, Default)]
#[command(
    next_help_heading = "A target given by options; everything else comes from the configuration, if there is one"
)]
pub struct TargetArgs {
    /// Kind of the target; credentials are `default` of the configuration, otherwise AZURE_TENANT_ID,
    /// AZURE_CLIENT_ID and AZURE_CLIENT_SECRET
    #[arg(long, value_parser = ["power-automate", "dataflow", "dataflow-gen2", "semantic-model"])]
    pub kind: Option<String>,
    /// Environment variable that holds the flow's SAS URL
    #[arg(long, value_name = "VAR", requires = "kind")]
    #[arg(required_if_eq("kind", "power-automate"))]
    pub url_env: Option<String>,
    /// Workspace
    #[arg(long, value_name = "ID|NAME", requires = "content")]
    pub workspace: Option<String>,
    /// Dataflow; with --kind power-automate the dataflow that the flow refreshes
    #[arg(long, value_name = "ID|NAME", group = "content", requires_all = ["kind", "workspace"])]
    #[arg(required_if_eq_any([("kind", "dataflow"), ("kind", "dataflow-gen2")]))]
    pub dataflow: Option<String>,
    /// Semantic model; with --kind power-automate the model that the flow refreshes
    #[arg(long, value_name = "ID|NAME", group = "content", requires_all = ["kind", "workspace"])]
    #[arg(required_if_eq("kind", "semantic-model"))]
    pub model: Option<String>,
    /// Run this component instead of the embedded one
    #[arg(long, value_name = "FILE", help_heading = "Options")]
    pub component: Option<PathBuf>,
}

impl TargetArgs {
    /// The target that these options define, if `--kind` is given.
    #[must_use]
    pub fn options(&self) -> Option<TargetOptions> {
        self.kind.clone().map(|kind| TargetOptions {
            kind,
            url_env: self.url_env.clone(),
            workspace: self.workspace.clone(),
            dataflow: self.dataflow.clone(),
            model: self.model.clone(),
        })
    }
}

const REFRESH_EXAMPLES: &str = "\
Examples:
  host-runner refresh order_list                      one target of ./refresh.yaml
  host-runner refresh --all --require completed       all targets; `accepted` does not count as success
  host-runner refresh order_list --dry-run            all checks and the request; no trigger
  ORDER_LIST_FLOW_URL='https://…' host-runner refresh --kind power-automate --url-env ORDER_LIST_FLOW_URL";

/// Options of `refresh`.
#[derive(Debug, Args)]
pub struct RefreshArgs {
    /// Targets in the configuration
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// Refresh every target in the configuration
    #[arg(long, conflicts_with = "names")]
    pub all: bool,
    /// Run all checks and guards and show the request, but do not send the trigger
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask the service: trigger and exit with `accepted`. A quota is still counted
    #[arg(long, conflicts_with = "detach")]
    pub no_verify: bool,
    /// Exit with `accepted` once the refresh has started; `follow` reports the outcome later
    #[arg(long)]
    pub detach: bool,
    /// Time limit for the whole invocation, for example 90m
    #[arg(long, value_name = "DURATION")]
    pub deadline: Option<String>,
    /// Starts with the same key are the same refresh [default: the task run id under Kestra]
    #[arg(long, value_name = "KEY")]
    pub idempotency_key: Option<String>,
    /// Ignore earlier runs with this key
    #[arg(long)]
    pub new: bool,
    /// Override window, interval and quota; the audit log stores who did this. Does not override a
    /// running refresh
    #[arg(long)]
    pub force: bool,
    /// JSON or YAML file that replaces the target's payload
    #[arg(long, value_name = "FILE")]
    pub payload: Option<PathBuf>,
    /// Only status that counts as success: with `completed`, `accepted` exits 12 instead of 0, and a
    /// detached refresh with the same key is followed
    #[arg(long, value_name = "STATUS", value_parser = ["completed"])]
    pub require: Option<String>,
    /// Statuses that also exit 0, separated by commas, for example skipped,cancelled
    #[arg(long, value_name = "STATUS", value_delimiter = ',')]
    #[arg(value_enum, hide_possible_values = true)]
    pub exit_zero_on: Vec<Status>,
    /// A target given by options.
    #[command(flatten)]
    pub target: TargetArgs,
}

/// Options of `follow`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    host-runner follow order_list                the target's newest run in the audit log\n  \
    host-runner follow 01936f0e-5c1a-7c3e-9a51-0c7f6f6e2b11\n  \
    host-runner follow order_list --any          the newest run at the service, started by anyone\n  \
    host-runner follow order_list --any --since 2026-11-23T08:15:00Z")]
pub struct FollowArgs {
    /// A target in the configuration, or a run id from the audit log
    #[arg(value_name = "NAME|RUN")]
    pub subject: String,
    /// Follow the newest run at the service, started by anyone
    #[arg(long)]
    pub any: bool,
    /// With --any: only a run that started at or after TIME; waits for it as long as `start_within`
    #[arg(long, value_name = "TIME", requires = "any")]
    pub since: Option<String>,
    /// Time limit for the whole invocation, for example 90m
    #[arg(long, value_name = "DURATION")]
    pub deadline: Option<String>,
    /// Statuses that also exit 0, separated by commas, for example skipped,cancelled
    #[arg(long, value_name = "STATUS", value_delimiter = ',')]
    #[arg(value_enum, hide_possible_values = true)]
    pub exit_zero_on: Vec<Status>,
    /// A target given by options.
    #[command(flatten)]
    pub target: TargetArgs,
}

/// Options of `cancel`.
#[derive(Debug, Args)]
#[command(
    after_help = "The service stops the run some time later; `host-runner follow` reports when it has. Exits 0 if \
    the service accepted the request or the run had already ended, 12 if the service does not know the run.\n\n\
    Examples:\n  \
    host-runner cancel sales_model               the target's newest run in the audit log\n  \
    host-runner cancel 01936f0e-5c1a-7c3e-9a51-0c7f6f6e2b11"
)]
pub struct CancelArgs {
    /// A target in the configuration, or a run id from the audit log
    #[arg(value_name = "NAME|RUN")]
    pub subject: String,
    /// A target given by options.
    #[command(flatten)]
    pub target: TargetArgs,
}

/// What to list.
#[derive(Debug, Subcommand)]
pub enum ListCommand {
    /// Workspaces
    Workspaces(ListArgs),
    /// Dataflows of a workspace, of all generations, with the kind of target that refreshes each
    Dataflows(WorkspaceArgs),
    /// Semantic models of a workspace
    Models(WorkspaceArgs),
    /// The target's refresh history at the service, newest first
    Runs {
        /// A target in the configuration
        #[arg(value_name = "NAME")]
        target: String,
    },
}

/// The credentials to list with.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Use the credentials of this target [default: the first target that has credentials, or
    /// AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET if there is no configuration]
    #[arg(long = "as", value_name = "NAME")]
    pub target: Option<String>,
}

/// A workspace, and the credentials to list with.
#[derive(Debug, Args)]
pub struct WorkspaceArgs {
    /// Id or exact name of the workspace
    pub workspace: String,
    /// The credentials.
    #[command(flatten)]
    pub list: ListArgs,
}

/// Options of `check`.
#[derive(Debug, Args)]
#[command(
    after_help = "Checks the environment variables, the URL, the token, the workspace, the content and its history, \
    and the audit log. Exits 0, or with the code that a refresh would exit with."
)]
pub struct CheckArgs {
    /// Targets in the configuration [default: all]
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// A target given by options.
    #[command(flatten)]
    pub target: TargetArgs,
}

/// Options of `component`.
#[derive(Debug, Args)]
pub struct ComponentArgs {
    /// Show this component instead of the embedded one
    #[arg(long, value_name = "FILE")]
    pub component: Option<PathBuf>,
    /// Print the WIT between the component and its host
    #[arg(long, conflicts_with = "export")]
    pub wit: bool,
    /// Write the embedded component to a file, for use by another host
    #[arg(long, value_name = "FILE")]
    pub export: Option<PathBuf>,
}

/// Options of `import-config`.
#[derive(Debug, Args)]
#[command(
    after_help = "Prints the new configuration on stdout; the notes and the variables to set go to stderr. Secrets \
    are replaced by ${env:NAME} and never printed. Exits 0, or 2 if the file cannot be converted; stdout then stays \
    empty.\n\n\
    Examples:\n  \
    host-runner import-config config.yaml > refresh.yaml\n  \
    host-runner import-config config.yaml --name order_list > refresh.yaml\n\n\
    docs/migration.md describes the migration step by step."
)]
pub struct ImportArgs {
    /// Configuration file of the script
    #[arg(value_name = "FILE")]
    pub old: PathBuf,
    /// Name of the target, if the file defines a single one [default: derived from the old name]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
}

/// What to do with the audit log.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// List the runs, newest first
    List {
        /// Only runs of this target
        #[arg(long, value_name = "NAME")]
        target: Option<String>,
        /// Only runs whose outcome is not known and that no process is working on
        #[arg(long)]
        open: bool,
        /// Maximum number of runs
        #[arg(long, value_name = "N", default_value_t = 20)]
        limit: usize,
    },
    /// Show every event of a run
    Show {
        /// The run's id
        #[arg(value_name = "RUN")]
        run: String,
    },
    /// Record a manual decision on a run whose outcome cannot be verified
    Resolve(ResolveArgs),
}

/// Options of `audit resolve`.
#[derive(Debug, Args)]
#[command(
    after_help = "Settles a run that is open, `unknown` or `interrupted`. Any other run that was sent needs --override, \
    and `completed` is never overridden. A later decision corrects an earlier one. These options have no environment \
    variables.\n\nExample:\n  \
    host-runner audit resolve RUN --as never_started --reason 'not in the refresh history'"
)]
pub struct ResolveArgs {
    /// The run's id
    #[arg(value_name = "RUN")]
    pub run: String,
    /// The outcome
    #[arg(long = "as", value_enum, value_name = "STATUS")]
    pub decision: Decision,
    /// How you know
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// Also override `accepted`, `failed`, `cancelled` or `skipped`
    #[arg(long = "override")]
    pub overrides: bool,
}

/// The options without an environment variable: code to run, and a decision, must be given on purpose.
const WITHOUT_VARIABLE: [&str; 4] = ["component", "decision", "overrides", "reason"];

/// The command line with the environment variables of its options.
pub(super) fn command() -> clap::Command {
    let mut command = with_environment(Cli::command());
    for outer in ["list", "audit"] {
        command = command.mut_subcommand(outer, |outer| outer.mut_subcommands(with_environment));
    }
    command.mut_subcommands(with_environment)
}

fn with_environment(command: clap::Command) -> clap::Command {
    // Kestra renders a missing value as an empty text.
    let is_empty = |name: &String| std::env::var_os(name).is_some_and(|value| value.is_empty());
    command.mut_args(|arg| match variable(&arg).filter(|name| !is_empty(name)) {
        Some(name) => {
            let arg = arg.env(name).hide_env(true);
            match arg.get_action() {
                ArgAction::SetTrue => arg.value_parser(BoolishValueParser::new()),
                _ => arg,
            }
        }
        None => arg,
    })
}

fn variable(arg: &Arg) -> Option<String> {
    let has_variable = !WITHOUT_VARIABLE.contains(&arg.get_id().as_str());
    let long = arg.get_long().filter(|_| has_variable)?;
    Some(format!(
        "HOST_RUNNER_{}",
        long.to_uppercase().replace('-', "_")
    ))
}

/// The command line with the examples and exit codes, which only the help needs. It is `width` columns
/// wide.
pub(super) fn with_help(width: usize) -> clap::Command {
    let after_help = format!(
        "{REFRESH_EXAMPLES}\n\nExit codes:\n{}",
        crate::report::text::exit_codes(width).trim_end()
    );
    let command = command()
        .term_width(width)
        .mut_subcommand("refresh", |refresh| refresh.after_help(after_help));
    let globals = command.get_arguments().filter(|arg| arg.is_global_set());
    let hidden: Vec<Arg> = globals.map(|arg| arg.clone().hide(true)).collect();
    command.mut_subcommands(|command| without_globals(command, &hidden))
}

/// The command whose help refers to that of the program for the options of every command.
fn without_globals(command: clap::Command, hidden: &[Arg]) -> clap::Command {
    let before = command.get_after_help();
    let before = before.map(|text| format!("{text}\n\n")).unwrap_or_default();
    command
        .args(hidden)
        .after_help(before + "Global options and environment variables: host-runner help")
        .mut_subcommands(|command| without_globals(command, hidden))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_valid() {
        command().debug_assert();
    }

    #[test]
    fn the_global_options_are_described_once() {
        fn check(command: &mut clap::Command) {
            for command in command.get_subcommands_mut() {
                // clap writes the help of `help` itself.
                if command.get_name() == "help" {
                    continue;
                }
                for help in [command.render_long_help(), command.render_help()] {
                    let help = help.to_string();
                    assert!(!help.contains("--kestra-otlp"), "{help}");
                    assert!(!help.contains("[env"), "{help}");
                    let end = "Global options and environment variables: host-runner help\n";
                    assert!(help.ends_with(end), "{help}");
                }
                check(command);
            }
        }
        let mut all = with_help(100);
        all.build();
        let help = all.render_long_help().to_string();
        check(&mut all);
        for option in command().get_arguments().filter_map(Arg::get_long) {
            assert!(help.contains(&format!("--{option}")), "{option}");
        }
        for text in ["Global options:", "HOST_RUNNER_DRY_RUN=true is --dry-run"] {
            assert!(help.contains(text), "{help}");
        }
    }

    #[test]
    fn every_option_has_an_environment_variable_of_its_name_but_the_component_and_a_decision() {
        fn check(command: &clap::Command) {
            for arg in command.get_arguments() {
                let expected = match arg.get_long() {
                    Some("help" | "version" | "component") | None => None,
                    // It shares its name with an option of `list`, and nothing may decide unasked.
                    Some(_) if command.get_name() == "resolve" => None,
                    Some(long) => Some(format!(
                        "HOST_RUNNER_{}",
                        long.to_uppercase().replace('-', "_")
                    )),
                };
                let actual = arg.get_env().and_then(|name| name.to_str());
                assert_eq!(actual, expected.as_deref(), "{}", command.get_name());
            }
            command.get_subcommands().for_each(check);
        }
        check(&command());
    }
}
