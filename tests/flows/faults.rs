//! The services at their worst, under Kestra: red where it has to be, and in words.

use kestra_engine::Line;
use simulator::faults::{CannedReply, Fault, FaultRule, Operation};

use crate::shipped;
use crate::stage::Stage;
use crate::support::world;

/// The pipeline, with little patience.
fn impatient() -> String {
    let text = shipped::flow("order-list-pipeline");
    assert!(text.contains("deadline: 3h30m"));
    text.replace("deadline: 3h30m", "deadline: 2500ms")
}

on_both_lines! {
    fn a_service_that_stays_down_is_unavailable_and_nothing_was_triggered(line) {
        let fault = FaultRule::on(Operation::Transactions, CannedReply::status(503));
        let stage = Stage::new(line, &world().fault(fault));
        stage.load_text(&impatient());
        let execution = stage.run("order_list_pipeline", &Stage::ids());
        let refresh = execution.task("refresh").unwrap();
        assert_eq!((execution.state(), refresh.exit_code()), ("FAILED", 15));
        assert_eq!(refresh.var("status"), "unavailable");
        assert_eq!(refresh.var("retryable"), true);
        assert_eq!(execution.label("verdict"), "unavailable");
        assert_eq!(stage.platform.triggers(), 0);
    }

    fn a_service_that_comes_back_in_time_is_waited_for_and_the_flow_is_green(line) {
        let fault = FaultRule::on(Operation::Transactions, CannedReply::status(503)).times(2);
        let stage = Stage::new(line, &world().fault(fault));
        stage.load("order-list-pipeline");
        let execution = stage.run("order_list_pipeline", &Stage::ids());
        assert_eq!(execution.state(), "SUCCESS", "{:#}", execution.raw());
        assert_eq!(stage.platform.triggers(), 1);
    }

    fn a_trigger_whose_answer_is_lost_is_searched_for_and_never_sent_again(line) {
        let fault = FaultRule::on(Operation::Trigger, Fault::ResetAfter);
        let stage = Stage::new(line, &world().fault(fault));
        stage.load("order-list-pipeline");
        let execution = stage.run("order_list_pipeline", &Stage::ids());
        assert_eq!(execution.state(), "SUCCESS", "{:#}", execution.raw());
        assert_eq!(execution.output("status"), "completed");
        assert_eq!(stage.platform.triggers(), 1);
    }
}
