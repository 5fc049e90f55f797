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

/** What differs between Kestra's lines. One class of the same name per line. */
interface Line {
    /** Configures the runner before its start. */
    void prepare(TestRunner runner);

    /** The outputs of a task run, or null. */
    Map<String, Object> outputs(TaskRun run) throws Exception;

    /** The outputs of the flow, or null. */
    Map<String, Object> outputs(Execution execution) throws Exception;

    /** The log of an execution. */
    List<LogEntry> logs(Execution execution);

    /** The execution after a Restart of this one. */
    Execution restarted(Execution execution, Flow flow) throws Exception;

    /** The new execution of a Replay of this one, from its first task. */
    Execution replayed(Execution execution, Flow flow) throws Exception;

    /** Delivers the running task of this task run again, as the engine does after the loss of a worker. */
    void deliverAgain(String taskRun) throws Exception;

    /** A trigger, as YAML in one line, that starts its flow after another flow has succeeded. */
    String startedBy(String namespace, String flow);

    /** The context in which a webhook trigger is called. */
    WebhookContext webhook(AbstractWebhookTrigger trigger, Flow flow, io.kestra.core.http.HttpRequest request);
}
