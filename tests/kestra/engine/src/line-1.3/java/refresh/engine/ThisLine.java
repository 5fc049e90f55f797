package refresh.engine;

import io.kestra.core.http.HttpRequest;
import io.kestra.core.models.executions.Execution;
import io.kestra.core.models.executions.LogEntry;
import io.kestra.core.models.executions.TaskRun;
import io.kestra.core.models.flows.Flow;
import io.kestra.core.queues.QueueFactoryInterface;
import io.kestra.core.queues.WorkerJobQueueInterface;
import io.kestra.core.repositories.LogRepositoryInterface;
import io.kestra.core.repositories.WorkerJobRunningRepositoryInterface;
import io.kestra.core.runners.TestRunner;
import io.kestra.core.runners.WorkerTask;
import io.kestra.core.runners.WorkerTaskRunning;
import io.kestra.core.services.ExecutionService;
import io.kestra.core.services.WebhookService;
import io.kestra.plugin.core.trigger.AbstractWebhookTrigger;
import io.kestra.plugin.core.trigger.WebhookContext;
import io.micronaut.context.ApplicationContext;
import io.micronaut.inject.qualifiers.Qualifiers;
import java.util.List;
import java.util.Map;

/** Kestra 1.3. */
final class ThisLine implements Line {
    private final ApplicationContext engine;

    ThisLine(ApplicationContext engine) {
        this.engine = engine;
    }

    @Override
    public void prepare(TestRunner runner) {
        // One worker runs everything.
    }

    @Override
    public Map<String, Object> outputs(TaskRun run) {
        return run.getOutputs();
    }

    @Override
    public Map<String, Object> outputs(Execution execution) {
        return execution.getOutputs();
    }

    @Override
    public List<LogEntry> logs(Execution execution) {
        return engine.getBean(LogRepositoryInterface.class)
            .findByExecutionId(execution.getTenantId(), execution.getId(), null);
    }

    @Override
    public Execution restarted(Execution execution, Flow flow) throws Exception {
        return engine.getBean(ExecutionService.class).restart(execution, null);
    }

    @Override
    public Execution replayed(Execution execution, Flow flow) throws Exception {
        return engine.getBean(ExecutionService.class).replay(execution, flow, null, null);
    }

    @Override
    public void deliverAgain(String taskRun) throws Exception {
        WorkerTaskRunning task = (WorkerTaskRunning) engine.getBean(WorkerJobRunningRepositoryInterface.class)
            .findByKey(taskRun)
            .orElseThrow(() -> new IllegalStateException("task run " + taskRun + " is in no worker's hands"));
        WorkerTask again = WorkerTask.builder()
            .taskRun(task.getTaskRun().onRunningResend())
            .task(task.getTask())
            .runContext(task.getRunContext())
            .build();
        engine.getBean(WorkerJobQueueInterface.class, Qualifiers.byName(QueueFactoryInterface.WORKERJOB_NAMED)).emit(again);
    }

    @Override
    public String startedBy(String namespace, String flow) {
        return "{id: after, type: io.kestra.plugin.core.trigger.Flow, preconditions: {id: upstream, flows: [{namespace: %s, flowId: %s, states: [SUCCESS]}]}}"
            .formatted(namespace, flow);
    }

    @Override
    public WebhookContext webhook(AbstractWebhookTrigger trigger, Flow flow, HttpRequest request) {
        return new WebhookContext(request, null, flow, trigger, engine.getBean(WebhookService.class));
    }
}
