//! A scripted world for tests: service, store, host and clock in one, all deterministic.
//!
//! Time passes only where the logic waits and where a call takes its time. The history is a
//! timeline of runs, so that a test says when a run begins and ends and not what each look shows.

mod service;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

use self::service::{Row, Services};
use crate::api::run::{Run, RunState};
use crate::contract::{
    CallContext, Conclusion, Content, Credentials, DataflowTarget, Endpoints, EnhancedRefresh,
    Entry, Event, FollowMode, FollowRequest, Gen2Target, IfRunning, Intent, Level, Matched,
    ModelRefresh, ModelTarget, PowerAutomateTarget, Receipt, RefreshRequest, StoreError, Subject,
    Target, TriggerBody, TriggerTrace, Update, Verification, Wake, WatchedItem, WhenUnreadable,
};
use crate::ports::{
    Clock, Control, Http, HttpAnswer, HttpRequest, Method, Ports, Store, TransportError,
    TransportKind,
};
use crate::time::Moment;

/// When every test begins, by the host's and the service's clock.
pub(crate) const START: &str = "2026-11-23T08:00:00Z";
pub(crate) const WORKSPACE: &str = "33333333-3333-3333-3333-333333333333";
pub(crate) const DATAFLOW: &str = "44444444-4444-4444-4444-444444444444";
/// The run that a trigger's answer names, where the service names one.
pub(crate) const OURS: &str = "77777777-7777-7777-7777-777777777777";
pub(crate) const FLOW_URL: &str =
    "https://flow.example/workflows/1/triggers/manual/paths/invoke?api-version=1&sp=%2Ftriggers";
/// What a call takes, in milliseconds.
const LATENCY: u64 = 20;

pub(crate) fn start() -> Moment {
    Moment::parse(START).unwrap()
}

/// A transaction, from texts.
pub(crate) fn run(
    id: &str,
    refresh_type: &str,
    status: &str,
    started: Option<&str>,
    ended: Option<&str>,
) -> Run {
    let time = |text: &str| Moment::parse(text).unwrap();
    Run {
        id: id.into(),
        refresh_type: refresh_type.into(),
        status: status.into(),
        state: RunState::parse(status),
        started: started.map(time),
        ended: ended.map(time),
        error: None,
    }
}

/// A run on the timeline; times in milliseconds after the start, or after the last trigger.
#[derive(Debug, Clone)]
pub(crate) struct Scripted {
    pub(crate) id: String,
    pub(crate) refresh_type: String,
    /// When it begins.
    pub(crate) begins: i64,
    /// When it is first seen.
    pub(crate) seen: i64,
    /// Its states and since when they stand; the last one may be final.
    pub(crate) states: Vec<(i64, String)>,
    /// When it is gone from the history.
    pub(crate) gone: Option<i64>,
    /// Whether the times count from the first trigger that arrived, and it only then exists.
    pub(crate) by_trigger: bool,
}

/// A run that begins at `begins`, and ends in `end` after `took`.
pub(crate) fn timed(id: &str, refresh_type: &str, begins: i64, took: i64, end: &str) -> Scripted {
    Scripted {
        id: id.into(),
        refresh_type: refresh_type.into(),
        begins,
        seen: begins,
        states: vec![(begins, "InProgress".into()), (begins + took, end.into())],
        gone: None,
        by_trigger: false,
    }
}

impl Scripted {
    /// The same, counted from the trigger.
    pub(crate) fn by_trigger(mut self) -> Self {
        self.by_trigger = true;
        self
    }

    /// The same, seen so much later.
    pub(crate) fn seen_after(mut self, delay: i64) -> Self {
        self.seen += delay;
        self
    }
}

pub(crate) type Answer = Result<HttpAnswer, TransportError>;

/// One thing that happened, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Happened {
    Call(Method, String),
    Append(Box<Event>),
}

pub(crate) struct World {
    services: Services,
    now: Cell<u64>,
    runs: RefCell<Vec<Scripted>>,
    triggered: Cell<Option<u64>>,
    /// Answers to GET and POST that come before the timeline's.
    gets: RefCell<VecDeque<Option<Answer>>>,
    /// With each goes whether it arrives, where that is not what the answer says.
    posts: RefCell<VecDeque<(Option<Answer>, Option<bool>)>>,
    /// How many triggers have arrived.
    arrivals: Cell<u32>,
    /// The `Retry-After` of every history and every run.
    patience: Cell<Option<u64>>,
    /// The answer to every further GET of the history; nothing: the timeline.
    all_gets: RefCell<Option<Answer>>,
    /// Answers to GET of a URL that ends so.
    lists: RefCell<Vec<(String, Answer)>>,
    /// Since when each URL may be asked for again.
    not_before: RefCell<Vec<(Method, String, u64)>>,
    /// Calls that came before that.
    early: RefCell<Vec<String>>,
    store: RefCell<VecDeque<Option<StoreError>>>,
    store_always: RefCell<Option<StoreError>>,
    /// Waits that pass before the host asks for an end.
    waits_left: Cell<Option<u32>>,
    /// What the service's clock is ahead of the host's.
    skew: Cell<i64>,
    date: Cell<bool>,
    log: RefCell<Vec<Happened>>,
    entries: RefCell<Vec<Entry>>,
    requests: RefCell<Vec<(HttpRequest, u64)>>,
    updates: RefCell<Vec<Update>>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            services: Services::default(),
            now: Cell::new(7_000),
            runs: RefCell::default(),
            triggered: Cell::new(None),
            gets: RefCell::default(),
            posts: RefCell::default(),
            arrivals: Cell::new(0),
            patience: Cell::new(None),
            all_gets: RefCell::default(),
            lists: RefCell::default(),
            not_before: RefCell::default(),
            early: RefCell::default(),
            store: RefCell::default(),
            store_always: RefCell::default(),
            waits_left: Cell::new(None),
            skew: Cell::new(0),
            date: Cell::new(true),
            log: RefCell::default(),
            entries: RefCell::default(),
            requests: RefCell::default(),
            updates: RefCell::default(),
        }
    }

    pub(crate) fn ports(&self) -> Ports<'_> {
        Ports {
            http: self,
            store: self,
            control: self,
            clock: self,
        }
    }

    // What the test says.

    pub(crate) fn with(self, run: Scripted) -> Self {
        self.runs.borrow_mut().push(run);
        self
    }

    pub(crate) fn answers_get(self, answer: Answer) -> Self {
        self.gets.borrow_mut().push_back(Some(answer));
        self
    }

    pub(crate) fn answers_every_get(self, answer: Answer) -> Self {
        *self.all_gets.borrow_mut() = Some(answer);
        self
    }

    /// Answers every GET of a URL that ends so.
    pub(crate) fn serves(self, end: &str, answer: Answer) -> Self {
        self.lists.borrow_mut().push((end.to_owned(), answer));
        self
    }

    pub(crate) fn answers_post(self, answer: Answer) -> Self {
        self.posts.borrow_mut().push_back((Some(answer), None));
        self
    }

    /// The answers to the first GETs; nothing: as it is.
    pub(crate) fn looks_go(&self, answers: &[Option<Answer>]) {
        self.gets.borrow_mut().extend(answers.iter().cloned());
    }

    /// The answers to the first POSTs, and whether they arrive; nothing: as it is.
    pub(crate) fn triggers_go(&self, answers: &[(Option<Answer>, bool)]) {
        let answers = answers.iter().cloned();
        self.posts
            .borrow_mut()
            .extend(answers.map(|(answer, arrives)| (answer, Some(arrives))));
    }

    /// What the store says to the first events; nothing: it takes them.
    pub(crate) fn store_goes(&self, errors: &[Option<StoreError>]) {
        self.store.borrow_mut().extend(errors.iter().cloned());
    }

    pub(crate) fn asks_for_patience(&self, seconds: Option<u64>) {
        self.patience.set(seconds);
    }

    pub(crate) fn cancels_after(self, waits: u32) -> Self {
        self.waits_left.set(Some(waits));
        self
    }

    pub(crate) fn ahead_by(self, milliseconds: i64) -> Self {
        self.skew.set(milliseconds);
        self
    }

    pub(crate) fn without_date(self) -> Self {
        self.date.set(false);
        self
    }

    pub(crate) fn store_says(&self, error: StoreError) {
        self.store.borrow_mut().push_back(Some(error));
    }

    pub(crate) fn store_always_says(&self, error: StoreError) {
        *self.store_always.borrow_mut() = Some(error);
    }

    pub(crate) fn store_recovers(&self) {
        self.store.borrow_mut().clear();
        *self.store_always.borrow_mut() = None;
    }

    pub(crate) fn pass(&self, milliseconds: u64) {
        self.now.set(self.now.get() + milliseconds);
    }

    // What the test sees.

    pub(crate) fn elapsed(&self) -> u64 {
        self.now.get() - 7_000
    }

    pub(crate) fn log(&self) -> Vec<Happened> {
        self.log.borrow().clone()
    }

    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.entries.borrow().clone()
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        self.entries()
            .into_iter()
            .map(|entry| entry.event)
            .collect()
    }

    /// The kinds of the stored events, in order.
    pub(crate) fn kinds(&self) -> Vec<String> {
        self.events()
            .iter()
            .map(|event| match event {
                Event::Intent(_) => "intent".to_owned(),
                Event::Triggered(_) => "triggered".to_owned(),
                Event::Observed(observed) => observed.what.clone(),
                Event::Outcome(Conclusion::Verdict(_)) => "verdict".to_owned(),
                Event::Outcome(Conclusion::Error(_)) => "error".to_owned(),
                Event::Resolved(_) => "resolved".to_owned(),
                Event::Note(_) => "note".to_owned(),
            })
            .collect()
    }

    pub(crate) fn intents(&self) -> Vec<Intent> {
        self.events()
            .into_iter()
            .filter_map(|event| match event {
                Event::Intent(intent) => Some(intent),
                _ => None,
            })
            .collect()
    }

    pub(crate) fn posts(&self) -> Vec<HttpRequest> {
        self.sent(Method::Post)
    }

    pub(crate) fn sent_deletes(&self) -> usize {
        self.sent(Method::Delete).len()
    }

    pub(crate) fn gets(&self) -> Vec<HttpRequest> {
        self.sent(Method::Get)
    }

    pub(crate) fn sent(&self, method: Method) -> Vec<HttpRequest> {
        self.requests
            .borrow()
            .iter()
            .filter(|(request, _)| request.method == method)
            .map(|(request, _)| request.clone())
            .collect()
    }

    /// Another process knows what the audit log has of the trigger, and not what a look was answered.
    pub(crate) fn next_process(&self) {
        self.waits_left.set(None);
        let of_trigger = |(method, ..): &(Method, String, u64)| *method == Method::Post;
        self.not_before.borrow_mut().retain(of_trigger);
    }

    /// How many triggers have arrived.
    pub(crate) fn arrivals(&self) -> u32 {
        self.arrivals.get()
    }

    /// The state of a run now, as the script has it, and since when; nothing where it is not there.
    pub(crate) fn state_of(&self, id: &str) -> Option<(String, String)> {
        let rows = self.rows();
        let row = rows.into_iter().find(|row| row.id == id)?;
        Some((row.state, row.refresh_type))
    }

    /// Calls of a URL before the service wanted to be asked for it again.
    pub(crate) fn early(&self) -> Vec<String> {
        self.early.borrow().clone()
    }

    /// When each call was made, in milliseconds after the start.
    pub(crate) fn call_times(&self) -> Vec<u64> {
        self.requests.borrow().iter().map(|(_, at)| *at).collect()
    }

    pub(crate) fn warnings(&self) -> Vec<String> {
        self.updates
            .borrow()
            .iter()
            .filter(|update| update.level == Level::Warning)
            .map(|update| update.message.clone())
            .collect()
    }

    fn service_date(&self) -> Moment {
        start()
            .plus_ms(i64::try_from(self.elapsed()).unwrap())
            .plus_ms(self.skew.get())
    }

    /// The runs that can be seen now.
    fn rows(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        for run in self.runs.borrow().iter() {
            let origin = match (run.by_trigger, self.triggered.get()) {
                (false, _) => 0,
                (true, Some(at)) => i64::try_from(at).unwrap(),
                (true, None) => continue,
            };
            let at = i64::try_from(self.elapsed()).unwrap() - origin;
            if at < run.seen || run.gone.is_some_and(|gone| at >= gone) {
                continue;
            }
            let (since, state) = run
                .states
                .iter()
                .rev()
                .find(|(since, _)| *since <= at)
                .unwrap_or(&run.states[0]);
            let moment = |ms: i64| start().plus_ms(origin + ms + self.skew.get());
            let over = ["Success", "Failed", "Cancelled", "Deduped"].contains(&state.as_str());
            rows.push(Row {
                id: run.id.clone(),
                refresh_type: run.refresh_type.clone(),
                state: state.clone(),
                started: moment(run.begins),
                ended: over.then(|| moment(*since)),
            });
        }
        rows
    }

    /// What the simulated service answers now.
    fn service(&self, request: &HttpRequest) -> HttpAnswer {
        let answer = self
            .services
            .answer(request, &self.rows(), self.service_date());
        match self.patience.get() {
            Some(seconds) if request.method == Method::Get => {
                with(answer, "Retry-After", &seconds.to_string())
            }
            _ => answer,
        }
    }

    fn list(&self, url: &str) -> Option<Answer> {
        let lists = self.lists.borrow();
        let (_, answer) = lists.iter().find(|(end, _)| url.ends_with(end))?;
        Some(answer.clone())
    }

    /// Notes when a URL may be asked for again; `Location` is the one meant where there is one.
    fn announce(&self, method: Method, url: &str, answer: &HttpAnswer) {
        let date = self.service_date();
        let Some(wait) = answer
            .header("retry-after")
            .and_then(|value| crate::time::retry_after_ms(value, date))
        else {
            return;
        };
        let url = answer
            .header("location")
            .and_then(|location| crate::url::resolve(url, location))
            .unwrap_or_else(|| url.to_owned());
        let from = self.elapsed().saturating_add(wait);
        self.not_before.borrow_mut().push((method, url, from));
    }

    fn check_early(&self, url: &str) {
        let now = self.elapsed();
        let early = self
            .not_before
            .borrow()
            .iter()
            .any(|(_, asked, from)| asked == url && now < *from);
        if early {
            self.early.borrow_mut().push(format!("{url} at {now}"));
        }
    }

    fn dated(&self, mut answer: HttpAnswer) -> HttpAnswer {
        let is_date = |(name, _): &(String, String)| name.eq_ignore_ascii_case("date");
        if !self.date.get() {
            answer.headers.retain(|header| !is_date(header));
        } else if !answer.headers.iter().any(is_date) {
            answer
                .headers
                .push(("Date".into(), http_date(self.service_date())));
        }
        answer
    }
}

impl Http for World {
    fn send(&self, request: &HttpRequest) -> Answer {
        self.requests
            .borrow_mut()
            .push((request.clone(), self.elapsed()));
        self.log
            .borrow_mut()
            .push(Happened::Call(request.method, request.url.clone()));
        self.check_early(&request.url);
        let (scripted, arrives) = match request.method {
            Method::Get => (self.gets.borrow_mut().pop_front().flatten(), None),
            Method::Post | Method::Delete => {
                self.posts.borrow_mut().pop_front().unwrap_or_default()
            }
        };
        let every_get = self.all_gets.borrow().clone();
        let answer = scripted
            .or_else(|| every_get.filter(|_| request.method == Method::Get))
            .or_else(|| self.list(&request.url))
            .unwrap_or_else(|| Ok(self.service(request)));
        let slow = matches!(&answer, Err(error) if error.kind == TransportKind::AnswerTimeout);
        if request.method == Method::Post && arrives.unwrap_or_else(|| arrived(&answer)) {
            self.arrivals.set(self.arrivals.get() + 1);
            self.triggered
                .set(self.triggered.get().or(Some(self.elapsed())));
        }
        self.pass(if slow { request.timeout_ms } else { LATENCY });
        answer
            .map(|answer| self.dated(answer))
            .inspect(|answer| self.announce(request.method, &request.url, answer))
    }
}

/// Whether a trigger with this answer has begun a run in the scripted world.
fn arrived(answer: &Answer) -> bool {
    match answer {
        Ok(answer) => answer.status < 300 || (502..=504).contains(&answer.status),
        Err(error) => !error.certainly_unsent(true),
    }
}

impl Store for World {
    fn append(&self, entry: &Entry) -> Result<Receipt, StoreError> {
        if let Some(Some(error)) = self.store.borrow_mut().pop_front() {
            return Err(error);
        }
        if let Some(error) = self.store_always.borrow().clone() {
            return Err(error);
        }
        self.log
            .borrow_mut()
            .push(Happened::Append(Box::new(entry.event.clone())));
        self.entries.borrow_mut().push(entry.clone());
        Ok(Receipt {
            number: self.entries.borrow().len() as u64,
            stored_at: START.into(),
        })
    }
}

impl Control for World {
    fn wait(&self, milliseconds: u64) -> Wake {
        assert!(self.elapsed() < 40 * 86_400_000, "waited for ever");
        match self.waits_left.get() {
            Some(0) => return Wake::Cancelled,
            Some(left) => self.waits_left.set(Some(left - 1)),
            None => {}
        }
        self.pass(milliseconds);
        Wake::Elapsed
    }

    fn progress(&self, update: &Update) {
        self.updates.borrow_mut().push(update.clone());
    }
}

impl Clock for World {
    fn monotonic_ms(&self) -> u64 {
        self.now.get()
    }
}

/// The date of an HTTP header.
pub(crate) fn http_date(at: Moment) -> String {
    let stamp: jiff::Timestamp = at.to_string().parse().unwrap();
    stamp.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

// Answers.

pub(crate) fn answer(status: u16, body: &str) -> HttpAnswer {
    HttpAnswer {
        status,
        headers: vec![("Content-Type".into(), "application/json".into())],
        body: body.as_bytes().to_vec(),
    }
}

pub(crate) fn ok(body: &str) -> HttpAnswer {
    answer(200, body)
}

/// A flow without a Response took the trigger.
pub(crate) fn taken() -> HttpAnswer {
    with(
        HttpAnswer {
            status: 202,
            headers: vec![],
            body: vec![],
        },
        "x-ms-workflow-run-id",
        "08585000000000000000000000000CU18",
    )
}

pub(crate) fn with(mut answer: HttpAnswer, name: &str, value: &str) -> HttpAnswer {
    answer.headers.push((name.into(), value.into()));
    answer
}

pub(crate) fn error(status: u16, code: &str) -> Answer {
    Ok(answer(
        status,
        &format!(r#"{{"error":{{"code":"{code}","message":"m of {code}"}}}}"#),
    ))
}

pub(crate) fn page() -> Answer {
    Ok(HttpAnswer {
        status: 200,
        headers: vec![("Content-Type".into(), "text/html".into())],
        body: b"<html><title>Sign in</title></html>".to_vec(),
    })
}

pub(crate) fn broken(kind: TransportKind) -> Answer {
    Err(TransportError {
        kind,
        message: "why".into(),
        status: None,
    })
}

// Requests.

pub(crate) fn call_context() -> CallContext {
    CallContext {
        now: START.into(),
        deadline_ms: 3_600_000,
        connect_patience_ms: u64::MAX,
        call_timeout_ms: 30_000,
        endpoints: endpoints(),
        credentials: Credentials::HostAttached,
        host_reports_unsent: true,
    }
}

pub(crate) fn endpoints() -> Endpoints {
    Endpoints {
        power_bi: "https://api.powerbi.example".into(),
        fabric: "https://api.fabric.example".into(),
    }
}

/// The item that every test refreshes.
pub(crate) fn item() -> WatchedItem {
    WatchedItem {
        workspace: WORKSPACE.into(),
        item: DATAFLOW.into(),
        start_within_ms: 300_000,
        poll_ms: 5_000,
        when_unreadable: WhenUnreadable::Stop,
    }
}

/// A dataflow that is refreshed through the Power BI API.
pub(crate) fn dataflow() -> DataflowTarget {
    DataflowTarget {
        item: item(),
        mail_on_failure: false,
    }
}

pub(crate) fn flow(verify: Verification) -> Target {
    Target::PowerAutomate(PowerAutomateTarget {
        url: FLOW_URL.into(),
        body: TriggerBody {
            payload: "{}".into(),
            standard_fields: true,
            dataflow_name: "order_list".into(),
            source: "host-runner".into(),
        },
        verify,
    })
}

/// A Fabric dataflow.
pub(crate) fn gen2() -> Target {
    Target::DataflowGen2(Gen2Target {
        item: item(),
        apply_changes: None,
        parameters: vec![],
    })
}

/// A semantic model, refreshed in the standard way.
pub(crate) fn standard() -> Target {
    Target::SemanticModel(ModelTarget {
        item: item(),
        refresh: ModelRefresh::Standard(false),
    })
}

/// A semantic model, refreshed in the enhanced way.
pub(crate) fn enhanced() -> Target {
    Target::SemanticModel(ModelTarget {
        item: item(),
        refresh: ModelRefresh::Enhanced(nothing_special()),
    })
}

/// An enhanced refresh that leaves all to the service.
pub(crate) fn nothing_special() -> EnhancedRefresh {
    EnhancedRefresh {
        type_: None,
        objects: vec![],
        partial_batch: None,
        max_parallelism: None,
        retry_count: None,
        timeout_seconds: None,
        apply_refresh_policy: None,
        effective_date: None,
    }
}

/// A flow that is verified by its dataflow.
pub(crate) fn verified() -> Target {
    flow(Verification::Content(Content::Dataflow(item())))
}

pub(crate) fn request(target: Target) -> RefreshRequest {
    RefreshRequest {
        run_id: "run-1".into(),
        name: "order_list".into(),
        target,
        call_context: call_context(),
        response_timeout_ms: 130_000,
        if_running: IfRunning::Wait,
        quota: None,
        force: false,
        overridden: vec![],
        follow: FollowMode::ToTheEnd,
        taken_runs: vec![],
    }
}

/// A trace of a trigger that was answered at the start.
pub(crate) fn trace() -> TriggerTrace {
    TriggerTrace {
        intent: Intent {
            request: crate::contract::Outgoing {
                method: "POST".into(),
                url: FLOW_URL.into(),
                headers: vec![],
                body: "{}".into(),
            },
            looked_at: Some(START.into()),
            sent_at: START.into(),
            baseline: vec!["before".into()],
            attempt: 1,
            overridden: vec![],
        },
        answered_at: Some(START.into()),
        service_run: None,
        matched: Matched::None,
        flow_run: None,
        poll_from: None,
    }
}

pub(crate) fn follow(target: Target, subject: Subject) -> FollowRequest {
    FollowRequest {
        run_id: "run-1".into(),
        name: "order_list".into(),
        target,
        call_context: call_context(),
        subject,
        taken_runs: vec![],
    }
}
