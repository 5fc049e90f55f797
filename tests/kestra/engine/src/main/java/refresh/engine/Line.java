package refresh.engine;

import io.kestra.core.models.executions.Execution;
import io.kestra.core.models.executions.LogEntry;
import io.kestra.core.models.executions.TaskRun;
import io.kestra.core.models.flows.Flow;
import io.kestra.core.runners.TestRunner;
import io.kestra.plugin.core.trigger.AbstractWebhookTrigger;
import io.kestra.plugin.core.trigger.WebhookContext;
import java.util.List;
import java.util.Map;

/** What is asked in another way on each of Kestra's lines. One class per line, of the same name. */
interface Line {
    /** Makes the runner ready, before it is started. */
    void prepare(TestRunner runner);

    /** What a task run has put out; null where nothing. */
    Map<String, Object> outputs(TaskRun run) throws Exception;

    /** What the flow has put out; null where nothing. */
    Map<String, Object> outputs(Execution execution) throws Exception;

    /** Everything logged by an execution. */
    List<LogEntry> logs(Execution execution);

    /** The execution that a Restart makes of this one. */
    Execution restarted(Execution execution, Flow flow) throws Exception;

    /** The execution that a Replay makes of this one, from its first task on. */
    Execution replayed(Execution execution, Flow flow) throws Exception;

    /** Hands the running task of this task run to the workers once more, as the engine does for a worker that is gone. */
    void deliverAgain(String taskRun) throws Exception;

    /** A trigger, as YAML in one line, that starts its flow when another one has succeeded. */
    String startedBy(String namespace, String flow);

    /** What a webhook trigger is called with. */
    WebhookContext webhook(AbstractWebhookTrigger trigger, Flow flow, io.kestra.core.http.HttpRequest request);
}
