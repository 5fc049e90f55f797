//! The command line: what it takes, and what its help says.
//!
//! Every option has an environment variable of the same name; an option wins over the environment,
//! the environment over the file. No option ever takes a secret: `--url-env` takes the name of the
//! variable that holds one.

use std::path::PathBuf;

use clap::builder::FalseyValueParser;
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

use crate::config::TargetOptions;
use crate::report::{ColorChoice, Level, OutputChoice};
use crate::verdict::Status;

/// Refreshes Power BI content from an orchestrator and tells the truth about it.
#[derive(Debug, Parser)]
#[command(
    name = "host-runner",
    version,
    about,
    long_about = "Refreshes Power BI content from an orchestrator and tells the truth about it.\n\n\
        A 202 from a flow is not a refresh. host-runner triggers, follows the run at the service, \
        writes every step to a durable record before and after it happens, and ends with an exit \
        code that means what it says.",
    after_help = "Run `host-runner help refresh` for examples and the exit codes.",
    propagate_version = true,
    arg_required_else_help = true,
    max_term_width = 120
)]
pub struct Cli {
    /// Options of every command.
    #[command(flatten)]
    pub common: Common,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of every command")]
pub struct Common {
    /// Configuration file [default: ./refresh.yaml, else the one in the user's config folder]
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "HOST_RUNNER_CONFIG",
        hide_env_values = true
    )]
    pub config: Option<PathBuf>,
    /// How to report; `auto` is `kestra` in a Kestra task and `text` elsewhere
    #[arg(
        long,
        global = true,
        value_enum,
        default_value = "auto",
        env = "HOST_RUNNER_OUTPUT",
        hide_env_values = true
    )]
    pub output: OutputChoice,
    /// The audit log, for example sqlite:/var/lib/host-runner/audit.db [default: `audit:` of the
    /// configuration, else audit.db in the user's state folder]
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "HOST_RUNNER_AUDIT",
        hide_env_values = true
    )]
    pub audit: Option<String>,
    /// The least level that is told
    #[arg(
        long,
        global = true,
        value_enum,
        env = "HOST_RUNNER_LOG_LEVEL",
        hide_env_values = true
    )]
    pub log_level: Option<Level>,
    /// Tell errors only
    #[arg(short, long, global = true, env = "HOST_RUNNER_QUIET", hide_env_values = true, value_parser = FalseyValueParser::new(), conflicts_with = "verbose")]
    pub quiet: bool,
    /// Tell more; twice: everything
    #[arg(short, long, global = true, action = clap::ArgAction::Count, env = "HOST_RUNNER_VERBOSE", hide_env_values = true)]
    pub verbose: u8,
    /// When to colour
    #[arg(
        long,
        global = true,
        value_enum,
        default_value = "auto",
        env = "HOST_RUNNER_COLOR",
        hide_env_values = true
    )]
    pub color: ColorChoice,
    /// Under Kestra send logs and metrics as OTLP, so that each log entry has its own time and
    /// stands in the trace. Kestra 2.0 only: 1.3 ignores such frames, and nothing would be seen there
    #[arg(long, global = true, env = "HOST_RUNNER_KESTRA_OTLP", hide_env_values = true, value_parser = FalseyValueParser::new())]
    pub kestra_otlp: bool,
    /// No live status line
    #[arg(long, global = true, env = "HOST_RUNNER_NO_PROGRESS", hide_env_values = true, value_parser = FalseyValueParser::new())]
    pub no_progress: bool,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Trigger, follow, record, report
    Refresh(RefreshArgs),
    /// Say what became of a run that was started before; never triggers
    Follow(FollowArgs),
    /// Ask the service to stop a run
    Cancel(CancelArgs),
    /// Say what would go wrong; nothing is triggered
    Check(CheckArgs),
    /// Show what these credentials can see
    #[command(subcommand)]
    List(ListCommand),
    /// Show the embedded component: digest, size, imports, WIT
    Component(ComponentArgs),
    /// Make a configuration out of that of the script that came before
    ImportConfig(ImportArgs),
    /// Print the JSON Schema of the configuration, for editors
    Schema,
    /// Read the audit log, or settle a run in it
    #[command(subcommand)]
    Audit(AuditCommand),
}

/// A target that is given by options instead of a configuration file.
#[derive(Debug, Args, Default)]
#[command(next_help_heading = "A target without a configuration file")]
pub struct TargetArgs {
    /// Kind of the target; the credentials come from AZURE_TENANT_ID, AZURE_CLIENT_ID and
    /// AZURE_CLIENT_SECRET
    #[arg(long, value_enum, env = "HOST_RUNNER_KIND", hide_env_values = true)]
    pub kind: Option<KindChoice>,
    /// Name of the environment variable that holds the flow's SAS URL
    #[arg(
        long,
        value_name = "VAR",
        env = "HOST_RUNNER_URL_ENV",
        hide_env_values = true
    )]
    pub url_env: Option<String>,
    /// The workspace's id or exact name
    #[arg(
        long,
        value_name = "ID|NAME",
        env = "HOST_RUNNER_WORKSPACE",
        hide_env_values = true
    )]
    pub workspace: Option<String>,
    /// The dataflow's id or exact name; with --kind power-automate the dataflow that the flow
    /// refreshes
    #[arg(
        long,
        value_name = "ID|NAME",
        env = "HOST_RUNNER_DATAFLOW",
        hide_env_values = true
    )]
    pub dataflow: Option<String>,
    /// The semantic model's id or exact name
    #[arg(
        long,
        value_name = "ID|NAME",
        env = "HOST_RUNNER_MODEL",
        hide_env_values = true
    )]
    pub model: Option<String>,
}

/// Kinds that this version refreshes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum KindChoice {
    /// A Power Automate flow with an HTTP trigger.
    PowerAutomate,
    /// A dataflow that the Power BI API serves: Gen1, and Gen2 without CI/CD.
    Dataflow,
    /// A Fabric dataflow.
    DataflowGen2,
    /// A semantic model.
    SemanticModel,
}

impl TargetArgs {
    /// The target that these options give; nothing where there is no `--kind`.
    #[must_use]
    pub fn options(&self) -> Option<TargetOptions> {
        self.kind.map(|kind| TargetOptions {
            kind: kind.name().to_owned(),
            name: None,
            url_env: self.url_env.clone(),
            workspace: self.workspace.clone(),
            dataflow: self.dataflow.clone(),
            model: self.model.clone(),
        })
    }
}

impl KindChoice {
    /// The kind's name, as the configuration has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::PowerAutomate => "power-automate",
            Self::Dataflow => "dataflow",
            Self::DataflowGen2 => "dataflow-gen2",
            Self::SemanticModel => "semantic-model",
        }
    }
}

const REFRESH_EXAMPLES: &str = "\
Examples:
  host-runner refresh order_list                      one target of ./refresh.yaml
  host-runner refresh --all --require completed       all of them; `accepted` is not enough
  host-runner refresh order_list --dry-run            every check and the request; no trigger
  ORDER_LIST_FLOW_URL='https://…' host-runner refresh --kind power-automate --url-env ORDER_LIST_FLOW_URL";

/// Options of `refresh`.
#[derive(Debug, Args)]
pub struct RefreshArgs {
    /// Targets of the configuration
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// Every target of the configuration
    #[arg(long, conflicts_with = "names", env = "HOST_RUNNER_ALL", hide_env_values = true, value_parser = FalseyValueParser::new())]
    pub all: bool,
    /// Do everything but send the trigger: checks, look at the service, show the request
    #[arg(long, env = "HOST_RUNNER_DRY_RUN", hide_env_values = true, value_parser = FalseyValueParser::new())]
    pub dry_run: bool,
    /// Do not look (unless a quota has to be counted), do not follow: trigger, and end in `accepted`
    #[arg(long, conflicts_with = "detach", env = "HOST_RUNNER_NO_VERIFY", hide_env_values = true, value_parser = FalseyValueParser::new())]
    pub no_verify: bool,
    /// End in `accepted` once the run is seen to start; `follow` gives the verdict later
    #[arg(long, env = "HOST_RUNNER_DETACH", hide_env_values = true, value_parser = FalseyValueParser::new())]
    pub detach: bool,
    /// How long all of it may take, for example 90m
    #[arg(
        long,
        value_name = "DURATION",
        env = "HOST_RUNNER_DEADLINE",
        hide_env_values = true
    )]
    pub deadline: Option<String>,
    /// Makes this start and an earlier one with the same key the same refresh [default: the task
    /// run's id under Kestra]
    #[arg(
        long,
        value_name = "KEY",
        env = "HOST_RUNNER_IDEMPOTENCY_KEY",
        hide_env_values = true
    )]
    pub idempotency_key: Option<String>,
    /// Ignore earlier runs of this key
    #[arg(long, env = "HOST_RUNNER_NEW", hide_env_values = true, value_parser = FalseyValueParser::new())]
    pub new: bool,
    /// Trigger although the window is closed, the interval has not passed, or the quota is used up;
    /// recorded with who forced it. A run that is going on is waited for all the same
    #[arg(long, env = "HOST_RUNNER_FORCE", hide_env_values = true, value_parser = FalseyValueParser::new())]
    pub force: bool,
    /// JSON or YAML file whose object takes the place of the target's payload
    #[arg(
        long,
        value_name = "FILE",
        env = "HOST_RUNNER_PAYLOAD",
        hide_env_values = true
    )]
    pub payload: Option<PathBuf>,
    /// What counts as success; with `completed` an `accepted` exits 12
    #[arg(
        long,
        value_enum,
        value_name = "STATUS",
        env = "HOST_RUNNER_REQUIRE",
        hide_env_values = true
    )]
    pub require: Option<Requirement>,
    /// Statuses that exit 0 as well, for example skipped
    #[arg(long, value_name = "STATUS", value_delimiter = ',', value_parser = status, env = "HOST_RUNNER_EXIT_ZERO_ON", hide_env_values = true)]
    pub exit_zero_on: Vec<Status>,
    /// Run this component instead of the embedded one
    #[arg(
        long,
        value_name = "FILE",
        env = "HOST_RUNNER_COMPONENT",
        hide_env_values = true
    )]
    pub component: Option<PathBuf>,
    /// The target, where no configuration names one.
    #[command(flatten)]
    pub target: TargetArgs,
}

/// What counts as success.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Requirement {
    /// Only the service's or the flow's word that the refresh succeeded.
    Completed,
}

/// Options of `follow`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    host-runner follow order_list                the newest run of this target in the audit log\n  \
    host-runner follow 01936f0e-5c1a-7c3e-9a51-0c7f6f6e2b11\n  \
    host-runner follow order_list --any          the newest run at the service, whoever began it\n  \
    host-runner follow order_list --any --since 2026-11-23T08:15:00Z\n  \
    \x20                                           the run that somebody's trigger began since then")]
pub struct FollowArgs {
    /// A target of the configuration, or the id of a run in the audit log
    #[arg(value_name = "NAME|RUN")]
    pub subject: String,
    /// The newest run at the service, whoever began it
    #[arg(long, env = "HOST_RUNNER_ANY", hide_env_values = true, value_parser = FalseyValueParser::new())]
    pub any: bool,
    /// With --any: only the run of a trigger that somebody sent at this time or later, waited for
    /// as long as `start_within` says; never a run that began before
    #[arg(
        long,
        value_name = "TIME",
        requires = "any",
        env = "HOST_RUNNER_SINCE",
        hide_env_values = true
    )]
    pub since: Option<String>,
    /// How long all of it may take, for example 90m
    #[arg(
        long,
        value_name = "DURATION",
        env = "HOST_RUNNER_DEADLINE",
        hide_env_values = true
    )]
    pub deadline: Option<String>,
    /// Statuses that exit 0 as well
    #[arg(long, value_name = "STATUS", value_delimiter = ',', value_parser = status, env = "HOST_RUNNER_EXIT_ZERO_ON", hide_env_values = true)]
    pub exit_zero_on: Vec<Status>,
    /// Run this component instead of the embedded one
    #[arg(
        long,
        value_name = "FILE",
        env = "HOST_RUNNER_COMPONENT",
        hide_env_values = true
    )]
    pub component: Option<PathBuf>,
    /// The target, where no configuration names one.
    #[command(flatten)]
    pub target: TargetArgs,
}

/// Options of `cancel`.
#[derive(Debug, Args)]
#[command(
    after_help = "The service stops the run some time later; `host-runner follow` says when it has. Exits 0 when \
    the service took it on or the run had already ended, 12 when the service does not know the run.\n\n\
    Examples:\n  \
    host-runner cancel sales_model               the newest run of this target in the audit log\n  \
    host-runner cancel 01936f0e-5c1a-7c3e-9a51-0c7f6f6e2b11"
)]
pub struct CancelArgs {
    /// A target of the configuration, or the id of a run in the audit log
    #[arg(value_name = "NAME|RUN")]
    pub subject: String,
    /// Run this component instead of the embedded one
    #[arg(
        long,
        value_name = "FILE",
        env = "HOST_RUNNER_COMPONENT",
        hide_env_values = true
    )]
    pub component: Option<PathBuf>,
    /// The target, where no configuration names one.
    #[command(flatten)]
    pub target: TargetArgs,
}

/// What to list.
#[derive(Debug, Subcommand)]
pub enum ListCommand {
    /// The workspaces
    Workspaces(ListArgs),
    /// The dataflows of a workspace, of all generations, with the kind that refreshes each
    Dataflows {
        /// The workspace's id or exact name
        #[arg(value_name = "WORKSPACE")]
        workspace: String,
        /// Whose credentials.
        #[command(flatten)]
        args: ListArgs,
    },
    /// The semantic models of a workspace
    Models {
        /// The workspace's id or exact name
        #[arg(value_name = "WORKSPACE")]
        workspace: String,
        /// Whose credentials.
        #[command(flatten)]
        args: ListArgs,
    },
    /// The runs in the history of a target's content, whoever began them, newest first
    Runs {
        /// A target of the configuration
        #[arg(value_name = "NAME")]
        target: String,
    },
}

/// Whose credentials a list is asked for with.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Ask with the credentials of this target [default: the first target that has some; without a
    /// configuration AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET]
    #[arg(
        long = "as",
        value_name = "NAME",
        env = "HOST_RUNNER_AS",
        hide_env_values = true
    )]
    pub target: Option<String>,
}

/// Options of `check`.
#[derive(Debug, Args)]
#[command(
    after_help = "Looks at the environment, the URL's form, the token, the workspace, the content, its \
    history and the audit log, once each. Exits 0, or with what a refresh would have exited with."
)]
pub struct CheckArgs {
    /// Targets of the configuration [default: all]
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// Run this component instead of the embedded one
    #[arg(
        long,
        value_name = "FILE",
        env = "HOST_RUNNER_COMPONENT",
        hide_env_values = true
    )]
    pub component: Option<PathBuf>,
    /// The target, where no configuration names one.
    #[command(flatten)]
    pub target: TargetArgs,
}

/// Options of `component`.
#[derive(Debug, Args)]
pub struct ComponentArgs {
    /// Look at this component instead of the embedded one
    #[arg(
        long,
        value_name = "FILE",
        env = "HOST_RUNNER_COMPONENT",
        hide_env_values = true
    )]
    pub component: Option<PathBuf>,
    /// Print the WIT that the component and its host agree on
    #[arg(long, conflicts_with = "export")]
    pub wit: bool,
    /// Write the embedded component to a file, for another host
    #[arg(long, value_name = "FILE")]
    pub export: Option<PathBuf>,
}

/// Options of `import-config`.
#[derive(Debug, Args)]
#[command(
    after_help = "Prints the new configuration on stdout, and on stderr what became of each key and which variables \
    to set. Secrets are replaced by ${env:NAME} and never printed. Keys that are not known are told, never dropped \
    silently. Exits 0, or 2 where the old file cannot be imported; then stdout stays empty.\n\n\
    Examples:\n  \
    host-runner import-config config.yaml > refresh.yaml\n  \
    host-runner import-config config.yaml --name order_list > refresh.yaml\n  \
    host-runner import-config config.yaml --output json | jq .variables\n\n\
    docs/migration.md is the way from the script to host-runner, and back."
)]
pub struct ImportArgs {
    /// The YAML file of the script
    #[arg(value_name = "FILE")]
    pub old: PathBuf,
    /// Name of the target, if the file defines a single one [default: made from the old name]
    #[arg(
        long,
        value_name = "NAME",
        env = "HOST_RUNNER_NAME",
        hide_env_values = true
    )]
    pub name: Option<String>,
}

/// What to do with the audit log.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// The runs, newest first
    List {
        /// Only this target
        #[arg(long, value_name = "NAME")]
        target: Option<String>,
        /// Only runs that nothing has settled yet
        #[arg(long)]
        open: bool,
        /// How many
        #[arg(long, value_name = "N", default_value_t = 20)]
        limit: usize,
    },
    /// Every event of one run
    Show {
        /// The run's id
        #[arg(value_name = "RUN")]
        run: String,
    },
    /// Settle a run that nothing else can settle, by a person's word
    Resolve {
        /// The run's id
        #[arg(value_name = "RUN")]
        run: String,
        /// What became of it
        #[arg(long = "as", value_enum, value_name = "WORD")]
        word: ResolutionWord,
        /// How you know
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

/// A person's word on a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum ResolutionWord {
    /// No refresh began: the next start triggers afresh.
    NeverStarted,
    /// It succeeded.
    Completed,
    /// It failed: the next start triggers afresh.
    Failed,
    /// It was stopped: the next start triggers afresh.
    Cancelled,
}

impl ResolutionWord {
    /// The word, as the audit log has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NeverStarted => "never_started",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// A status by its name.
fn status(name: &str) -> Result<Status, String> {
    Status::from_name(name).ok_or_else(|| {
        let known: Vec<&str> = Status::TABLE.iter().map(|row| row.name).collect();
        format!("not a status; known are {}", known.join(", "))
    })
}

/// The command line with what only its help shows: the examples, and the exit codes from the one
/// table that knows them. Apart, because every refresh would pay for the table.
pub(super) fn with_help() -> clap::Command {
    let after_help = format!(
        "{REFRESH_EXAMPLES}\n\nExit codes:\n{}",
        crate::report::table::plain()
    );
    Cli::command().mut_subcommand("refresh", |refresh| refresh.after_help(after_help))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_option_of_all_commands_has_an_environment_variable_of_its_name() {
        let command = Cli::command();
        for option in command
            .get_arguments()
            .filter(|option| option.is_global_set())
        {
            let long = option.get_long().unwrap();
            let expected = format!("HOST_RUNNER_{}", long.to_uppercase().replace('-', "_"));
            let env = option.get_env().and_then(|name| name.to_str());
            assert_eq!(env, Some(expected.as_str()), "--{long}");
        }
    }

    #[test]
    fn every_option_of_refresh_has_an_environment_variable_of_its_name() {
        let command = Cli::command();
        let refresh = command.find_subcommand("refresh").unwrap();
        for option in refresh
            .get_arguments()
            .filter(|option| option.get_long().is_some())
        {
            let long = option.get_long().unwrap();
            if long == "help" || long == "version" {
                continue;
            }
            let expected = format!("HOST_RUNNER_{}", long.to_uppercase().replace('-', "_"));
            assert_eq!(
                option.get_env().and_then(|name| name.to_str()),
                Some(expected.as_str()),
                "--{long}"
            );
        }
    }
}
