//! The keys that old configurations have, by their meaning.
//!
//! Case, `-`, `_` and blanks do not matter: `POWER_AUTOMATE_URL`, `power-automate-url` and
//! `powerAutomateUrl` are one name. A key inside a group is looked up with the group's name in front
//! of it (`business_hours: {start: …}` is `business_hours_start`), and where the group says no more
//! than where it belongs (`power_automate:`, `settings:`) also by itself. A duration's name may end
//! in its unit (`timeout_minutes`).

use crate::config::words::{list, nearest};

/// What a key means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Url,
    DataflowName,
    Workspace,
    TriggerType,
    Source,
    TriggerSource,
    Environment,
    Timestamp,
    Payload,
    Timeout,
    Deadline,
    Hours,
    HoursOn,
    Start,
    End,
    Zone,
    Days,
    DailyLimit,
    DailyLimitOn,
    Force,
    Retries,
    MaxAttempts,
    RetryDelay,
    WorkspaceId,
    DataflowId,
    Tenant,
    ClientId,
    ClientSecret,
    /// Known, and not carried over, for this reason.
    Left(&'static str),
}

const AUDIT: &str = "the audit log here is another thing, an append-only file that `HOST_RUNNER_AUDIT` or `audit:` names; \
     the rows of the script stay where they are";
const LOG: &str = "the level is `--log-level` or `HOST_RUNNER_LOG_LEVEL`";
const ALERTS: &str = "whoever runs host-runner tells people: under Kestra `errors:` of the flow";
const SCHEDULE: &str =
    "when it runs is the orchestrator's business: under Kestra `triggers:` of the flow";
const DRY_RUN: &str = "it is asked for per start: `refresh --dry-run`";
const CERTIFICATES: &str =
    "certificates are always checked; a private authority goes into `transport: {ca_file: …}`";
const PROXY: &str = "`HTTPS_PROXY` of the environment serves, or `transport: {proxy: …}`";

/// The roles, what they mean in messages, and their usual names.
const TABLE: &[(Role, &str, &[&str])] = &[
    (
        Role::Url,
        "the flow's URL",
        &[
            "url",
            "flow_url",
            "trigger_url",
            "power_automate_url",
            "power_automate_flow_url",
            "power_automate_trigger_url",
            "pa_url",
            "webhook_url",
            "endpoint",
            "endpoint_url",
            "sas_url",
            "http_trigger_url",
            "trigger_endpoint",
            "logic_app_url",
            "refresh_url",
            "dataflow_refresh_url",
            "flow_endpoint",
        ],
    ),
    (
        Role::DataflowName,
        "the dataflow's name",
        &[
            "dataflow_name",
            "dataflow",
            "dataflow_to_refresh",
            "default_dataflow",
            "power_bi_dataflow_name",
        ],
    ),
    (
        Role::Workspace,
        "the workspace's name",
        &[
            "workspace",
            "workspace_name",
            "group_name",
            "power_bi_workspace",
            "default_workspace",
        ],
    ),
    (
        Role::TriggerType,
        "`trigger_type`",
        &["trigger_type", "default_trigger_type"],
    ),
    (
        Role::Source,
        "`source`",
        &["source", "default_source", "payload_source"],
    ),
    (Role::TriggerSource, "`trigger_source`", &["trigger_source"]),
    (
        Role::Environment,
        "`environment`",
        &["environment", "env", "environment_name"],
    ),
    (
        Role::Timestamp,
        "the time of the trigger",
        &["timestamp", "timestamp_format", "time_format"],
    ),
    (
        Role::Payload,
        "more of the payload",
        &[
            "payload",
            "extra_payload",
            "extra_fields",
            "additional_fields",
            "payload_fields",
            "body",
            "request_body",
        ],
    ),
    (
        Role::Timeout,
        "the time-out of a call",
        &[
            "timeout",
            "request_timeout",
            "http_timeout",
            "trigger_timeout",
            "connect_timeout",
            "read_timeout",
        ],
    ),
    (
        Role::Deadline,
        "how long all of it may take",
        &[
            "deadline",
            "max_wait",
            "max_wait_time",
            "total_timeout",
            "max_runtime",
            "overall_timeout",
        ],
    ),
    (
        Role::Hours,
        "the business hours",
        &[
            "business_hours",
            "hours",
            "allowed_hours",
            "working_hours",
            "operating_hours",
            "window",
            "refresh_window",
            "time_window",
        ],
    ),
    (
        Role::HoursOn,
        "whether the business hours hold",
        &[
            "enforce_business_hours",
            "business_hours_enabled",
            "business_hours_enforce",
            "business_hours_enforced",
            "check_business_hours",
            "business_hours_only",
            "enforce_hours",
            "hours_enabled",
            "respect_business_hours",
            "enable_business_hours",
            "working_hours_enabled",
            "allowed_hours_enabled",
            "window_enabled",
            "enforce_window",
            "time_window_enabled",
        ],
    ),
    (
        Role::Start,
        "the beginning of the business hours",
        &[
            "business_hours_start",
            "start_hour",
            "business_start",
            "business_start_hour",
            "hours_start",
            "start_time",
            "business_hours_start_hour",
            "business_hours_start_time",
            "allowed_hours_start",
            "working_hours_start",
            "window_start",
            "time_window_start",
            "business_hours_from",
            "hours_from",
            "window_from",
            "opening_hour",
        ],
    ),
    (
        Role::End,
        "the end of the business hours",
        &[
            "business_hours_end",
            "end_hour",
            "business_end",
            "business_end_hour",
            "hours_end",
            "end_time",
            "business_hours_end_hour",
            "business_hours_end_time",
            "allowed_hours_end",
            "working_hours_end",
            "window_end",
            "time_window_end",
            "business_hours_to",
            "hours_to",
            "window_to",
            "closing_hour",
        ],
    ),
    (
        Role::Zone,
        "the time zone",
        &[
            "timezone",
            "tz",
            "business_hours_timezone",
            "business_hours_tz",
            "hours_timezone",
            "local_timezone",
            "window_timezone",
            "business_timezone",
            "time_window_timezone",
            "working_hours_timezone",
        ],
    ),
    (
        Role::Days,
        "the days of the business hours",
        &[
            "business_days",
            "business_hours_days",
            "days",
            "allowed_days",
            "working_days",
            "weekdays",
            "window_days",
            "hours_days",
        ],
    ),
    (
        Role::DailyLimit,
        "the daily limit",
        &[
            "daily_limit",
            "max_daily_refreshes",
            "daily_refresh_limit",
            "max_refreshes_per_day",
            "refresh_limit",
            "max_per_day",
            "daily_limit_max",
            "daily_limit_count",
            "daily_limit_limit",
            "max_daily",
            "daily_max",
            "limit_per_day",
            "refreshes_per_day",
        ],
    ),
    (
        Role::DailyLimitOn,
        "whether the daily limit holds",
        &[
            "check_daily_limit",
            "enforce_daily_limit",
            "daily_limit_enabled",
            "enable_daily_limit",
            "daily_limit_check",
            "daily_limit_enforce",
        ],
    ),
    (
        Role::Force,
        "`force`",
        &[
            "force",
            "force_refresh",
            "force_run",
            "override",
            "ignore_business_hours",
            "force_override",
        ],
    ),
    (
        Role::Retries,
        "how often it is tried again",
        &[
            "retries",
            "retry_count",
            "max_retries",
            "retry",
            "num_retries",
            "retry_max",
            "retry_retries",
            "retry_max_retries",
        ],
    ),
    (
        Role::MaxAttempts,
        "how often it is tried in all",
        &[
            "max_attempts",
            "attempts",
            "retry_attempts",
            "retry_max_attempts",
            "max_tries",
            "retry_tries",
        ],
    ),
    (
        Role::RetryDelay,
        "the pause before another try",
        &[
            "retry_delay",
            "retry_wait",
            "retry_interval",
            "retry_backoff",
            "backoff",
            "retry_pause",
            "retry_sleep",
        ],
    ),
    (
        Role::WorkspaceId,
        "the workspace's id",
        &[
            "workspace_id",
            "group_id",
            "workspace_guid",
            "power_bi_workspace_id",
            "powerbi_group_id",
        ],
    ),
    (
        Role::DataflowId,
        "the dataflow's id",
        &["dataflow_id", "dataflow_guid", "power_bi_dataflow_id"],
    ),
    (
        Role::Tenant,
        "the tenant",
        &[
            "tenant_id",
            "tenant",
            "azure_tenant_id",
            "azure_tenant",
            "directory_id",
            "auth_tenant_id",
            "credentials_tenant_id",
        ],
    ),
    (
        Role::ClientId,
        "the application's id",
        &[
            "client_id",
            "azure_client_id",
            "app_id",
            "application_id",
            "auth_client_id",
            "credentials_client_id",
            "service_principal_id",
        ],
    ),
    (
        Role::ClientSecret,
        "the application's secret",
        &[
            "client_secret",
            "azure_client_secret",
            "app_secret",
            "application_secret",
            "auth_client_secret",
            "credentials_client_secret",
            "service_principal_secret",
        ],
    ),
    (
        Role::Left(AUDIT),
        "",
        &[
            "audit",
            "audit_table",
            "audit_path",
            "audit_file",
            "audit_db",
            "audit_database",
            "audit_schema",
            "audit_log",
            "audit_enabled",
            "audit_dsn",
            "audit_url",
            "audit_connection",
            "audit_connection_string",
            "connection_string",
            "database_url",
            "db_url",
            "sql_connection_string",
            "log_table",
            "enable_audit",
            "audit_server",
            "audit_user",
            "audit_username",
            "audit_password",
            "audit_container",
            "audit_host",
        ],
    ),
    (
        Role::Left(LOG),
        "",
        &[
            "log_level",
            "logging_level",
            "log_file",
            "log_path",
            "log_format",
            "verbose",
            "debug",
            "logging",
            "logging_file",
            "logging_format",
        ],
    ),
    (
        Role::Left(ALERTS),
        "",
        &[
            "teams_webhook",
            "teams_webhook_url",
            "slack_webhook",
            "slack_webhook_url",
            "alert_email",
            "notify_email",
            "notification_email",
            "notifications",
            "email",
            "smtp_host",
            "smtp_server",
            "smtp_user",
            "smtp_password",
        ],
    ),
    (
        Role::Left(SCHEDULE),
        "",
        &["schedule", "cron", "schedule_cron", "interval"],
    ),
    (
        Role::Left(DRY_RUN),
        "",
        &["dry_run", "test_mode", "simulate"],
    ),
    (
        Role::Left(CERTIFICATES),
        "",
        &[
            "verify_ssl",
            "ssl_verify",
            "verify_tls",
            "insecure",
            "ca_bundle",
            "ca_file",
        ],
    ),
    (
        Role::Left(PROXY),
        "",
        &["proxy", "https_proxy", "http_proxy", "proxies", "no_proxy"],
    ),
];

/// Groups that say no more than where their keys belong.
const PLAIN_GROUPS: &[&str] = &[
    "config",
    "configuration",
    "settings",
    "default",
    "defaults",
    "power_automate",
    "power_bi",
    "powerbi",
    "flow",
    "azure",
    "refresh",
    "trigger",
    "request",
    "http",
    "api",
    "general",
    "auth",
    "credentials",
    "env",
    "environment",
    "environment_variables",
    "script",
];

/// The unit that a duration's name ends in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Milliseconds,
    Seconds,
    Minutes,
    Hours,
}

impl Unit {
    /// As a duration has it.
    pub(super) fn suffix(self) -> &'static str {
        match self {
            Self::Milliseconds => "ms",
            Self::Seconds => "s",
            Self::Minutes => "m",
            Self::Hours => "h",
        }
    }
}

const UNITS: &[(&str, Unit)] = &[
    ("milliseconds", Unit::Milliseconds),
    ("millis", Unit::Milliseconds),
    ("ms", Unit::Milliseconds),
    ("seconds", Unit::Seconds),
    ("secs", Unit::Seconds),
    ("sec", Unit::Seconds),
    ("minutes", Unit::Minutes),
    ("mins", Unit::Minutes),
    ("min", Unit::Minutes),
    ("hours", Unit::Hours),
];

/// A key without what does not matter in it.
pub(super) fn folded(key: &str) -> String {
    key.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

/// What a key means, and its unit where it names one.
pub(super) fn role_of(key: &str) -> Option<(Role, Option<Unit>)> {
    let name = folded(key);
    if let Some(role) = exactly(&name) {
        return Some((role, None));
    }
    let lower = key.to_lowercase();
    let in_seconds = lower.ends_with("_s") || lower.ends_with("-s");
    let units = UNITS
        .iter()
        .copied()
        .chain(in_seconds.then_some(("s", Unit::Seconds)));
    units
        .filter_map(|(suffix, unit)| Some((exactly(name.strip_suffix(suffix)?)?, Some(unit))))
        .find(|(role, _)| matches!(role, Role::Timeout | Role::Deadline | Role::RetryDelay))
}

/// What a key inside a group means.
pub(super) fn role_in(group: &str, key: &str) -> Option<(Role, Option<Unit>)> {
    role_of(&format!("{group}_{key}")).or_else(|| {
        let plain = PLAIN_GROUPS.iter().any(|one| folded(one) == folded(group));
        plain.then(|| role_of(key)).flatten()
    })
}

fn exactly(name: &str) -> Option<Role> {
    TABLE
        .iter()
        .find(|(_, _, aliases)| aliases.iter().any(|alias| folded(alias) == name))
        .map(|(role, _, _)| *role)
}

/// What a role means, for messages.
pub(super) fn meaning(role: Role) -> &'static str {
    TABLE
        .iter()
        .find(|(known, _, _)| *known == role)
        .map_or("", |(_, meaning, _)| meaning)
}

/// The known name that a key resembles.
pub(super) fn nearest_to(key: &str) -> Option<String> {
    nearest(key, TABLE.iter().flat_map(|(_, _, aliases)| aliases.iter()))
}

/// The names under which the URL is looked for.
pub(super) fn names_of_url() -> String {
    let names = TABLE
        .iter()
        .find(|(role, _, _)| *role == Role::Url)
        .map(|(_, _, aliases)| *aliases)
        .unwrap_or_default();
    list(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_known_in_every_spelling() {
        for key in [
            "power_automate_url",
            "POWER_AUTOMATE_URL",
            "power-automate-url",
            "powerAutomateUrl",
            "Power Automate URL",
        ] {
            assert_eq!(role_of(key), Some((Role::Url, None)), "{key}");
        }
        assert_eq!(role_of("colour"), None);
    }

    #[test]
    fn a_durations_name_may_end_in_its_unit_and_no_other_name_may() {
        for (key, unit) in [
            ("timeout_seconds", Unit::Seconds),
            ("timeout_s", Unit::Seconds),
            ("TIMEOUT_MINUTES", Unit::Minutes),
            ("request-timeout-ms", Unit::Milliseconds),
        ] {
            assert_eq!(role_of(key), Some((Role::Timeout, Some(unit))), "{key}");
        }
        assert_eq!(role_of("daily_limit_seconds"), None);
    }

    #[test]
    fn a_group_stands_before_its_keys_or_says_no_more_than_where_they_belong() {
        let role = |group, key| role_in(group, key).map(|(role, _)| role);
        assert_eq!(role("business_hours", "start"), Some(Role::Start));
        assert_eq!(role("power_automate", "url"), Some(Role::Url));
        assert_eq!(role("power_automate", "timeout"), Some(Role::Timeout));
        assert_eq!(role("dataflow", "id"), Some(Role::DataflowId));
        assert_eq!(role("audit", "url"), Some(Role::Left(AUDIT)));
        assert_eq!(role("warehouse", "url"), None);
    }

    #[test]
    fn the_page_on_migration_lists_every_name() {
        let page =
            std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/migration.md"))
                .unwrap();
        for name in TABLE.iter().flat_map(|(_, _, aliases)| *aliases) {
            assert!(page.contains(&format!("`{name}`")), "{name}");
        }
    }

    #[test]
    fn no_name_means_two_things() {
        let mut seen: Vec<String> = Vec::new();
        for name in TABLE.iter().flat_map(|(_, _, aliases)| *aliases) {
            assert!(!seen.contains(&folded(name)), "{name}");
            seen.push(folded(name));
        }
    }
}
