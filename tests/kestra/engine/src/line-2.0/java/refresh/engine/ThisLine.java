package refresh.engine;

import io.kestra.core.http.HttpRequest;
import io.kestra.core.models.executions.Execution;
import io.kestra.core.models.executions.LogEntry;
import io.kestra.core.models.executions.TaskRun;
import io.kestra.core.models.flows.Flow;
import io.kestra.core.queues.KeyedDispatchQueueInterface;
import io.kestra.core.repositories.LogDataStoreInterface;
import io.kestra.core.runners.TestRunner;
import io.kestra.core.runners.WorkerJobEvent;
import io.kestra.core.runners.WorkerJobRunning;
import io.kestra.core.runners.WorkerTask;
import io.kestra.core.runners.WorkerTaskRunning;
import io.kestra.core.serializers.JacksonMapper;
import io.kestra.core.services.ExecutionOutputService;
import io.kestra.core.services.ExecutionService;
import io.kestra.core.services.TaskOutputService;
import io.kestra.core.services.WebhookService;
import io.kestra.core.utils.IdUtils;
import io.kestra.plugin.core.trigger.AbstractWebhookTrigger;
import io.kestra.plugin.core.trigger.WebhookContext;
import io.micronaut.context.ApplicationContext;
import io.micronaut.core.type.Argument;
import io.micronaut.data.connection.jdbc.advice.DelegatingDataSource;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import javax.sql.DataSource;

/** Kestra 2.0. */
final class ThisLine implements Line {
    private final ApplicationContext engine;

    ThisLine(ApplicationContext engine) {
        this.engine = engine;
    }

    @Override
    public void prepare(TestRunner runner) {
        // Tasks that Kestra runs itself (for example KV) need its own worker.
        runner.setSystemWorkerEnabled(true);
    }

    @Override
    public Map<String, Object> outputs(TaskRun run) throws Exception {
        return engine.getBean(TaskOutputService.class).getOutputs(run);
    }

    @Override
    public Map<String, Object> outputs(Execution execution) throws Exception {
        return engine.getBean(ExecutionOutputService.class).getOutputs(execution);
    }

    @Override
    public List<LogEntry> logs(Execution execution) {
        return engine.getBean(LogDataStoreInterface.class)
            .findByExecutionId(execution.getTenantId(), execution.getId(), null);
    }

    @Override
    public Execution restarted(Execution execution, Flow flow) throws Exception {
        return engine.getBean(ExecutionService.class).restart(execution, flow, null);
    }

    @Override
    public Execution replayed(Execution execution, Flow flow) throws Exception {
        return engine.getBean(ExecutionService.class).replay(execution, flow, null, null, Optional.empty());
    }

    @Override
    public void deliverAgain(String taskRun) throws Exception {
        // The store of running tasks only lists those of a lost worker.
        DataSource store = DelegatingDataSource.unwrapDataSource(engine.getBean(DataSource.class));
        WorkerJobRunning running;
        try (Connection connection = store.getConnection();
            PreparedStatement query = connection.prepareStatement("SELECT \"value\" FROM worker_job_running WHERE \"key\" = ?")) {
            query.setString(1, taskRun);
            try (ResultSet rows = query.executeQuery()) {
                if (!rows.next()) {
                    throw new IllegalStateException("task run " + taskRun + " is in no worker's hands");
                }
                running = JacksonMapper.ofJson().readValue(rows.getString(1), WorkerJobRunning.class);
            }
        }
        WorkerTaskRunning task = (WorkerTaskRunning) running;
        WorkerTask again = WorkerTask.builder()
            .taskRun(task.getTaskRun().onRunningResend())
            .task(task.getTask())
            .data(task.getData())
            .build();
        Argument<KeyedDispatchQueueInterface<WorkerJobEvent>> queue = queueOf();
        engine.getBean(queue).emit(null, WorkerJobEvent.of(again, null));
    }

    @SuppressWarnings({"unchecked", "rawtypes"})
    private static Argument<KeyedDispatchQueueInterface<WorkerJobEvent>> queueOf() {
        return (Argument) Argument.of(KeyedDispatchQueueInterface.class, WorkerJobEvent.class);
    }

    @Override
    public String startedBy(String namespace, String flow) {
        return "{id: after, type: io.kestra.plugin.core.trigger.Flow, dependsOn: [{namespace: %s, flowId: %s, states: [SUCCESS]}]}"
            .formatted(namespace, flow);
    }

    @Override
    public WebhookContext webhook(AbstractWebhookTrigger trigger, Flow flow, HttpRequest request) {
        return new WebhookContext(request, null, flow, trigger, engine.getBean(WebhookService.class), IdUtils.create(), null);
    }
}
