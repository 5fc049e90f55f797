package refresh.engine;

import io.kestra.core.models.Label;
import io.kestra.core.models.executions.Execution;
import io.kestra.core.models.executions.LogEntry;
import io.kestra.core.models.executions.MetricEntry;
import io.kestra.core.models.executions.TaskRun;
import io.kestra.core.repositories.MetricRepositoryInterface;
import io.micronaut.context.ApplicationContext;
import io.micronaut.data.model.Pageable;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The report of an execution, as plain data. */
final class Report {
    private final ApplicationContext engine;
    private final Line line;

    Report(ApplicationContext engine, Line line) {
        this.engine = engine;
        this.line = line;
    }

    /** State, labels, outputs, task runs, logs and metrics. */
    Map<String, Object> of(Execution execution) throws Exception {
        Map<String, Object> report = head(execution);
        report.put("outputs", orEmpty(line.outputs(execution)));
        report.put("tasks", tasks(execution));
        report.put("logs", logs(execution));
        report.put("metrics", metrics(execution));
        return report;
    }

    /** More than any task sends: 1.3.34 takes `UNPAGED` for a page of a hundred. */
    private static final Pageable ALL = Pageable.from(1, 10_000);

    /** State and labels alone. */
    Map<String, Object> head(Execution execution) {
        Map<String, Object> head = new LinkedHashMap<>();
        head.put("execution", execution.getId());
        head.put("began", String.valueOf(execution.getState().getStartDate()));
        head.put("state", execution.getState().getCurrent().name());
        head.put("states", execution.getState().getHistories().stream().map(one -> one.getState().name()).toList());
        Map<String, Object> labels = new LinkedHashMap<>();
        if (execution.getLabels() != null) {
            for (Label label : execution.getLabels()) {
                labels.put(label.key(), label.value());
            }
        }
        head.put("labels", labels);
        head.put("trigger", execution.getTrigger() == null ? "" : execution.getTrigger().getId());
        return head;
    }

    private List<Object> tasks(Execution execution) throws Exception {
        List<Object> tasks = new ArrayList<>();
        if (execution.getTaskRunList() == null) {
            return tasks;
        }
        for (TaskRun run : execution.getTaskRunList()) {
            Map<String, Object> task = new LinkedHashMap<>();
            task.put("task", run.getTaskId());
            task.put("id", run.getId());
            task.put("state", run.getState().getCurrent().name());
            task.put("attempts", run.attemptNumber());
            task.put("value", run.getValue() == null ? "" : run.getValue());
            task.put("duration_ms", run.getState().getDurationOrComputeIt().toMillis());
            task.put("outputs", orEmpty(line.outputs(run)));
            tasks.add(task);
        }
        return tasks;
    }

    private List<Object> logs(Execution execution) {
        List<Object> logs = new ArrayList<>();
        for (LogEntry entry : line.logs(execution)) {
            Map<String, Object> log = new LinkedHashMap<>();
            log.put("task", String.valueOf(entry.getTaskId()));
            log.put("level", entry.getLevel().name());
            log.put("message", String.valueOf(entry.getMessage()));
            log.put("time", String.valueOf(entry.getTimestamp()));
            logs.add(log);
        }
        return logs;
    }

    private List<Object> metrics(Execution execution) {
        List<Object> metrics = new ArrayList<>();
        for (MetricEntry entry : engine.getBean(MetricRepositoryInterface.class)
            .findByExecutionId(execution.getTenantId(), execution.getId(), ALL)) {
            Map<String, Object> metric = new LinkedHashMap<>();
            metric.put("task", entry.getTaskId());
            metric.put("name", entry.getName());
            metric.put("type", entry.getType());
            metric.put("value", entry.getValue());
            metric.put("tags", orEmpty(entry.getTags()));
            metrics.add(metric);
        }
        return metrics;
    }

    private static Map<?, ?> orEmpty(Map<?, ?> map) {
        return map == null ? Map.of() : map;
    }
}
