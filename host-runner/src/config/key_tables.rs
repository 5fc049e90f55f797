//! The keys of every section, in the order in which messages list them.

use super::keys::Keys;

type Table = &'static [(&'static str, &'static str)];

const TARGET_LATER: Table = &[(
    "after",
    "name the targets in their order, one start after the other",
)];
const OTHER_NAMES: Table = &[
    ("interval", "is called `min_interval`"),
    ("windows", "is called `window`, which may be a list"),
    ("retries", "is called `retry: {max_attempts: …, delay: …}`"),
];
const OF_A_FLOW: Table = &[
    ("url", "belongs to a target of kind power-automate"),
    ("payload", "belongs to a target of kind power-automate"),
    (
        "standard_fields",
        "belongs to a target of kind power-automate",
    ),
    ("source", "belongs to a target of kind power-automate"),
    (
        "response_timeout",
        "belongs to a target of kind power-automate",
    ),
    (
        "verify",
        "belongs to a target of kind power-automate: content is always verified by its own history",
    ),
];
const OF_GEN2: Table = &[
    ("apply_changes", "belongs to a target of kind dataflow-gen2"),
    ("parameters", "belongs to a target of kind dataflow-gen2"),
];
const OF_A_MODEL: Table = &[
    (
        "model",
        "belongs to the kind semantic-model; here it is `dataflow`",
    ),
    ("dataset", "belongs to the kind semantic-model, as `model`"),
    ("refresh", "belongs to a target of kind semantic-model"),
];
const OF_ENHANCED: Table = &[
    ("type", "belongs into `refresh: {…}`"),
    ("objects", "belongs into `refresh: {…}`"),
    ("commit_mode", "belongs into `refresh: {…}`"),
    ("max_parallelism", "belongs into `refresh: {…}`"),
    ("retry_count", "belongs into `refresh: {…}`"),
    ("apply_refresh_policy", "belongs into `refresh: {…}`"),
    ("effective_date", "belongs into `refresh: {…}`"),
    ("dataset", "is called `model`"),
    (
        "dataflow",
        "belongs to the kinds dataflow and dataflow-gen2; here it is `model`",
    ),
];
const OF_THE_TRIGGER: Table = &[
    (
        "notify",
        "belongs to a target of kind dataflow or semantic-model: a flow decides by itself whom it tells",
    ),
    ("apply_changes", "belongs to a target of kind dataflow-gen2"),
    ("parameters", "belongs to a target of kind dataflow-gen2"),
    ("refresh", "belongs to a target of kind semantic-model"),
    ("response_timeout", "belongs into the target itself"),
    ("quota", "belongs into the target itself"),
    ("window", "belongs into the target itself"),
    ("if_running", "belongs into the target itself"),
    ("on_interrupt", "belongs into the target itself"),
    ("timeout", "belongs into the target itself"),
];

/// The file itself.
pub(crate) const FILE: Keys = Keys {
    known: &[
        "version",
        "audit",
        "defaults",
        "credentials",
        "cloud",
        "endpoints",
        "sandbox",
        "transport",
        "targets",
    ],
    later: &[],
    elsewhere: &[&[
        ("deadline", "belongs into `defaults`"),
        ("timeout", "belongs into `defaults`"),
        ("exit_zero_on", "belongs into `defaults`"),
        ("quota", "belongs into `defaults`, or into a target"),
        ("window", "belongs into `defaults`, or into a target"),
        ("min_interval", "belongs into `defaults`, or into a target"),
        ("retry", "belongs into `defaults`, or into a target"),
        ("if_running", "belongs into `defaults`, or into a target"),
        ("on_interrupt", "belongs into `defaults`, or into a target"),
        ("proxy", "belongs into `transport`"),
        ("ca_file", "belongs into `transport`"),
        ("allow", "belongs into `sandbox`"),
        ("allow_loopback", "belongs into `sandbox`"),
    ]],
};
/// `defaults`.
pub(crate) const DEFAULTS: Keys = Keys {
    known: &[
        "deadline",
        "timeout",
        "exit_zero_on",
        "retry",
        "if_running",
        "on_interrupt",
        "quota",
        "window",
        "min_interval",
    ],
    later: &[TARGET_LATER],
    elsewhere: &[
        OTHER_NAMES,
        &[
            ("if_lost", "belongs into the target"),
            (
                "when_unreadable",
                "belongs into the target, or into `verify`",
            ),
            ("credentials", "belongs into the target, or into `verify`"),
            ("cloud", "belongs to the top of the file"),
            (
                "poll",
                "belongs into `verify`, or into a target that is content itself",
            ),
            (
                "start_within",
                "belongs into `verify`, or into a target that is content itself",
            ),
        ],
    ],
};
/// One of the `credentials`.
pub(crate) const CREDENTIAL: Keys = Keys {
    known: &["kind", "tenant", "client_id", "client_secret"],
    later: &[],
    elsewhere: &[],
};
/// `endpoints`.
pub(crate) const ENDPOINTS: Keys = Keys {
    known: &["login", "powerbi", "fabric"],
    later: &[],
    elsewhere: &[],
};
/// One of the `endpoints` in its long form.
pub(crate) const ENDPOINT: Keys = Keys {
    known: &["url", "private"],
    later: &[],
    elsewhere: &[],
};
/// `sandbox`.
pub(crate) const SANDBOX: Keys = Keys {
    known: &["allow", "allow_loopback"],
    later: &[],
    elsewhere: &[],
};
/// One entry of `sandbox.allow` in its long form.
pub(crate) const ALLOW: Keys = Keys {
    known: &["url", "methods", "private"],
    later: &[],
    elsewhere: &[],
};
/// `transport`.
pub(crate) const TRANSPORT: Keys = Keys {
    known: &["ca_file", "proxy"],
    later: &[],
    elsewhere: &[],
};
/// A target of kind `power-automate`.
pub(crate) const POWER_AUTOMATE: Keys = Keys {
    known: &[
        "kind",
        "url",
        "credentials",
        "payload",
        "standard_fields",
        "source",
        "verify",
        "if_lost",
        "if_running",
        "on_interrupt",
        "quota",
        "window",
        "min_interval",
        "retry",
        "timeout",
        "deadline",
        "response_timeout",
    ],
    later: &[TARGET_LATER],
    elsewhere: &[
        OTHER_NAMES,
        OF_GEN2,
        &[
            (
                "workspace",
                "belongs into `verify: {kind: dataflow, …}`, or into the payload",
            ),
            ("dataflow", "belongs into `verify: {kind: dataflow, …}`"),
            ("model", "belongs into `verify: {kind: semantic-model, …}`"),
            ("start_within", "belongs into `verify: {kind: dataflow, …}`"),
            ("poll", "belongs into `verify: {kind: dataflow, …}`"),
            (
                "when_unreadable",
                "belongs into `verify: {kind: dataflow, …}`, or into `quota`",
            ),
            ("dataflow_name", "belongs into `payload`"),
            ("trigger_type", "belongs into `payload`"),
            (
                "notify",
                "belongs to a target of kind dataflow or semantic-model: a flow decides by itself whom it tells",
            ),
            ("refresh", "belongs to a target of kind semantic-model"),
        ],
    ],
};
/// A target of kind `dataflow`.
pub(crate) const DATAFLOW: Keys = Keys {
    known: &[
        "kind",
        "workspace",
        "dataflow",
        "notify",
        "start_within",
        "poll",
        "when_unreadable",
        "credentials",
        "if_lost",
        "if_running",
        "on_interrupt",
        "quota",
        "window",
        "min_interval",
        "retry",
        "timeout",
        "deadline",
    ],
    later: &[TARGET_LATER],
    elsewhere: &[OTHER_NAMES, OF_A_FLOW, OF_GEN2, OF_A_MODEL],
};
/// A target of kind `dataflow-gen2`.
pub(crate) const GEN2: Keys = Keys {
    known: &[
        "kind",
        "workspace",
        "dataflow",
        "apply_changes",
        "parameters",
        "start_within",
        "poll",
        "when_unreadable",
        "credentials",
        "if_lost",
        "if_running",
        "on_interrupt",
        "quota",
        "window",
        "min_interval",
        "retry",
        "timeout",
        "deadline",
    ],
    later: &[TARGET_LATER],
    elsewhere: &[
        OTHER_NAMES,
        OF_A_FLOW,
        OF_A_MODEL,
        &[(
            "notify",
            "belongs to a target of kind dataflow or semantic-model: Fabric sends no mail about a job",
        )],
    ],
};
/// A target of kind `semantic-model`.
pub(crate) const MODEL: Keys = Keys {
    known: &[
        "kind",
        "workspace",
        "model",
        "refresh",
        "notify",
        "start_within",
        "poll",
        "when_unreadable",
        "credentials",
        "if_lost",
        "if_running",
        "on_interrupt",
        "quota",
        "window",
        "min_interval",
        "retry",
        "timeout",
        "deadline",
    ],
    later: &[TARGET_LATER],
    elsewhere: &[OTHER_NAMES, OF_A_FLOW, OF_GEN2, OF_ENHANCED],
};
/// `refresh` of a semantic model, where it is enhanced.
pub(crate) const ENHANCED: Keys = Keys {
    known: &[
        "type",
        "objects",
        "commit_mode",
        "max_parallelism",
        "retry_count",
        "timeout",
        "apply_refresh_policy",
        "effective_date",
    ],
    later: &[],
    elsewhere: &[&[(
        "notify",
        "belongs to a standard refresh: Microsoft refuses it in an enhanced one",
    )]],
};
/// One of the `objects` of an enhanced refresh.
pub(crate) const MODEL_OBJECT: Keys = Keys {
    known: &["table", "partition"],
    later: &[],
    elsewhere: &[],
};
/// `verify` with a dataflow of either generation.
pub(crate) const VERIFY_DATAFLOW: Keys = Keys {
    known: &[
        "kind",
        "workspace",
        "dataflow",
        "start_within",
        "poll",
        "when_unreadable",
        "credentials",
    ],
    later: &[],
    elsewhere: &[
        OF_THE_TRIGGER,
        &[("model", "belongs to `verify: {kind: semantic-model, …}`")],
    ],
};
/// `verify` with a semantic model.
pub(crate) const VERIFY_MODEL: Keys = Keys {
    known: &[
        "kind",
        "workspace",
        "model",
        "start_within",
        "poll",
        "when_unreadable",
        "credentials",
    ],
    later: &[],
    elsewhere: &[
        OF_THE_TRIGGER,
        &[
            ("dataflow", "belongs to `verify: {kind: dataflow, …}`"),
            ("dataset", "is called `model`"),
        ],
    ],
};
/// `verify` with the flow's own Response.
pub(crate) const VERIFY_RESPONSE: Keys = Keys {
    known: &["kind"],
    later: &[],
    elsewhere: &[OF_THE_TRIGGER],
};
/// `quota`.
pub(crate) const QUOTA: Keys = Keys {
    known: &["limit", "count", "mode", "when_unreadable"],
    later: &[],
    elsewhere: &[],
};
/// `window` in its long form.
pub(crate) const WINDOW: Keys = Keys {
    known: &["from", "to", "zone", "days"],
    later: &[],
    elsewhere: &[&[
        ("timezone", "is called `zone`"),
        ("time_zone", "is called `zone`"),
        ("until", "is called `to`"),
    ]],
};
/// `retry`.
pub(crate) const RETRY: Keys = Keys {
    known: &["max_attempts", "delay"],
    later: &[],
    elsewhere: &[],
};
