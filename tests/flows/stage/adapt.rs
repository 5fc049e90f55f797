//! What is changed of a flow so that it runs on a stage: where its services are, which secrets are
//! its own, and that its clocks stand still. Text is changed, not YAML, so that all the rest is
//! what we ship, to the letter.

/// Gives every secret the name that is this stage's alone.
pub fn secrets(text: &str, named: impl Fn(&str) -> String) -> String {
    let mut parts = text.split("secret('");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once('\'').expect("a secret's name ends");
        out += &format!("secret('{}'{rest}", named(name));
    }
    out
}

/// Gives the label that asks for alerts a value of this stage: alerts listen to all namespaces.
pub fn alerts(text: &str, tag: &str) -> String {
    text.replace("alert: powerbi", &format!("alert: powerbi_{tag}"))
        .replace("== 'powerbi'", &format!("== 'powerbi_{tag}'"))
}

/// Lets schedules rest: nothing starts by the clock while a test runs.
pub fn resting(text: &str) -> String {
    lines(text, |line| {
        let indent = line.len() - line.trim_start().len();
        if line.trim_start().starts_with("cron:") {
            format!("{}cron: \"0 0 29 2 *\"", &line[..indent])
        } else {
            line.to_owned()
        }
    })
}

/// Leads every configuration to the simulator, which is quick: a run that has not begun in 1.5
/// seconds will not.
pub fn services(text: &str, base: &str) -> String {
    lines(text, |line| {
        let indent = &line[..line.len() - line.trim_start().len()];
        match line.trim_start() {
            "version: 1" => format!(
                "{line}\n{indent}endpoints: {{login: {base}, powerbi: {base}, fabric: {base}}}\n{indent}sandbox: {{allow_loopback: true}}"
            ),
            "start_within: 5m" => format!("{indent}start_within: 1500ms\n{indent}poll: 50ms"),
            _ => line.replace("start_within: 5m", "start_within: 1500ms, poll: 50ms"),
        }
    })
}

fn lines(text: &str, change: impl Fn(&str) -> String) -> String {
    text.lines().map(|line| change(line) + "\n").collect()
}

#[test]
fn a_secret_gets_its_stages_name_and_everything_else_stays() {
    assert_eq!(
        secrets("a: \"{{ secret('X') }}\" # secret('Y')\n", |name| format!(
            "{name}_T1"
        )),
        "a: \"{{ secret('X_T1') }}\" # secret('Y_T1')\n"
    );
}

#[test]
fn endpoints_stand_where_the_configuration_does() {
    let adapted = services(
        "  refresh.yaml: |\n    version: 1\n    targets:\n",
        "http://s",
    );
    assert_eq!(
        adapted,
        "  refresh.yaml: |\n    version: 1\n    endpoints: {login: http://s, powerbi: http://s, fabric: http://s}\n    sandbox: {allow_loopback: true}\n    targets:\n"
    );
}
