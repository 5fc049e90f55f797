package refresh.engine;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.kestra.core.http.HttpRequest;
import io.kestra.core.http.HttpResponse;
import io.kestra.core.models.Label;
import io.kestra.core.models.dashboards.Dashboard;
import io.kestra.core.models.executions.Execution;
import io.kestra.core.models.flows.Flow;
import io.kestra.core.models.flows.FlowSource;
import io.kestra.core.models.flows.FlowWithSource;
import io.kestra.core.models.validations.ModelValidator;
import io.kestra.core.repositories.ExecutionRepositoryInterface;
import io.kestra.core.repositories.FlowRepositoryInterface;
import io.kestra.core.runners.FlowInputOutput;
import io.kestra.core.runners.TestRunnerUtils;
import io.kestra.core.secret.SecretService;
import io.kestra.core.serializers.JacksonMapper;
import io.kestra.core.serializers.YamlParser;
import io.kestra.core.services.ExecutionService;
import io.kestra.core.services.FlowService;
import io.kestra.core.services.KVStoreService;
import io.kestra.core.storages.NamespaceFactory;
import io.kestra.core.storages.StorageInterface;
import io.kestra.core.storages.kv.KVEntry;
import io.kestra.core.storages.kv.KVStore;
import io.kestra.plugin.core.trigger.AbstractWebhookTrigger;
import io.micronaut.context.ApplicationContext;
import io.micronaut.data.model.Pageable;
import java.io.ByteArrayInputStream;
import java.lang.reflect.Field;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/** The requests to the engine, by {@code op}. */
final class Requests {
    /** The only tenant of the open-source edition. */
    private static final String TENANT = "main";

    /** How often the engine's store is polled. */
    private static final Duration LOOK = Duration.ofMillis(20);

    /** How often a kill without effect is repeated; each attempt waits for twenty seconds. */
    private static final int KILLS = 2;

    private final ApplicationContext engine;
    private final Line line;
    private final Report report;
    private final ObjectMapper json = JacksonMapper.ofJson();
    private final Map<String, String> secrets = new ConcurrentHashMap<>();

    Requests(ApplicationContext engine, Line line) throws Exception {
        this.engine = engine;
        this.line = line;
        this.report = new Report(engine, line);
        // The open-source edition reads secrets from the environment at its start. Tests add theirs later,
        // so this map is replaced by a mutable one.
        Field map = SecretService.class.getDeclaredField("decodedSecrets");
        map.setAccessible(true);
        map.set(engine.getBean(SecretService.class), secrets);
    }

    /** Carries out one request. */
    Object carryOut(JsonNode request) throws Exception {
        return switch (request.path("op").asText()) {
            case "secret" -> secret(text(request, "name"), text(request, "value"));
            case "validate" -> validate(text(request, "source"));
            case "load" -> load(text(request, "source"));
            case "delete" -> delete(text(request, "namespace"), text(request, "flow"));
            case "file" -> file(text(request, "namespace"), text(request, "path"), text(request, "base64"));
            case "kv" -> kv(text(request, "namespace"));
            case "start" -> start(request);
            case "webhook" -> webhook(request);
            case "find" -> find(text(request, "namespace"), text(request, "flow"));
            case "wait" -> await(text(request, "execution"), states(request), Duration.ofMillis(request.path("timeout_ms").asLong(60_000)));
            case "report" -> report.of(execution(text(request, "execution")));
            case "kill" -> kill(text(request, "execution"));
            case "restart" -> begin(line.restarted(execution(text(request, "execution")), flowOf(text(request, "execution"))));
            case "replay" -> begin(line.replayed(execution(text(request, "execution")), flowOf(text(request, "execution"))));
            case "deliver_again" -> deliverAgain(text(request, "taskrun"));
            case "dashboard" -> dashboard(text(request, "source"));
            case String other -> throw new IllegalArgumentException("no such op: " + other);
        };
    }

    private Object secret(String name, String value) {
        secrets.put(name.toUpperCase(), value);
        return Map.of();
    }

    /** The engine's validation of a flow. */
    private Object validate(String source) {
        return engine.getBean(FlowService.class).validate(TENANT, List.of(new FlowSource("flow.yml", source)));
    }

    private Object load(String source) throws Exception {
        FlowWithSource flow = engine.getBean(FlowService.class).importFlow(TENANT, source);
        return Map.of("namespace", flow.getNamespace(), "flow", flow.getId(), "revision", flow.getRevision());
    }

    private Object delete(String namespace, String id) {
        FlowRepositoryInterface flows = engine.getBean(FlowRepositoryInterface.class);
        flows.delete(flows.findByIdWithSource(TENANT, namespace, id).orElseThrow());
        return Map.of();
    }

    /** Uploads a namespace file. */
    private Object file(String namespace, String path, String base64) throws Exception {
        engine.getBean(NamespaceFactory.class)
            .of(TENANT, namespace, engine.getBean(StorageInterface.class))
            .putFile(Path.of(path), new ByteArrayInputStream(Base64.getDecoder().decode(base64)));
        return Map.of();
    }

    /** Every entry of a namespace's key-value store. */
    private Object kv(String namespace) throws Exception {
        KVStore store = engine.getBean(KVStoreService.class).get(TENANT, namespace, null);
        Map<String, Object> entries = new LinkedHashMap<>();
        for (KVEntry entry : store.list()) {
            store.getValue(entry.key()).ifPresent(value -> entries.put(entry.key(), value.value()));
        }
        return entries;
    }

    private Object start(JsonNode request) throws Exception {
        Flow flow = flow(text(request, "namespace"), text(request, "flow"));
        Map<String, Object> inputs = json.convertValue(request.path("inputs"), new TypeReference<>() { });
        List<Label> labels = new ArrayList<>();
        request.path("labels").fields().forEachRemaining(label -> labels.add(new Label(label.getKey(), label.getValue().asText())));
        FlowInputOutput reader = engine.getBean(FlowInputOutput.class);
        Execution execution = Execution.newExecution(
            flow,
            (ofFlow, begun) -> reader.readExecutionInputs(ofFlow, begun, inputs == null ? Map.of() : inputs),
            labels,
            Optional.empty()
        );
        return begin(execution);
    }

    /** Passes an execution to the executor, and waits until it is stored. */
    private Object begin(Execution execution) throws Exception {
        int before = execution.getState().getHistories().size();
        Execution begun = runs().emitAndAwaitExecution(
            seen -> seen.getId().equals(execution.getId()) && seen.getState().getHistories().size() >= before,
            execution,
            Duration.ofSeconds(30)
        );
        return report.head(begun);
    }

    /** Calls a webhook trigger as Kestra's web server does. */
    private Object webhook(JsonNode request) throws Exception {
        Flow flow = flow(text(request, "namespace"), text(request, "flow"));
        AbstractWebhookTrigger trigger = flow.getTriggers().stream()
            .filter(AbstractWebhookTrigger.class::isInstance)
            .map(AbstractWebhookTrigger.class::cast)
            .findFirst()
            .orElseThrow();
        HttpRequest call = HttpRequest.builder()
            .method("POST")
            .uri(URI.create("http://kestra.example/api/v1/main/executions/webhook/" + flow.getNamespace() + "/" + flow.getId() + "/key"))
            .body(HttpRequest.StringRequestBody.builder().content(text(request, "body")).build())
            .build();
        HttpResponse<?> response = trigger.evaluate(line.webhook(trigger, flow, call)).block(Duration.ofSeconds(30));
        Map<String, Object> answer = new LinkedHashMap<>();
        answer.put("status", response == null ? 0 : response.getStatus().getCode());
        answer.put("body", response == null ? null : response.getBody());
        return answer;
    }

    private Object find(String namespace, String flow) {
        return engine.getBean(ExecutionRepositoryInterface.class)
            .findByFlowId(TENANT, namespace, flow, Pageable.UNPAGED)
            .stream()
            .map(report::head)
            .toList();
    }

    /** Waits until the execution is in one of these states; without states, until it and its task runs have ended. */
    private Object await(String id, Set<String> states, Duration patience) throws Exception {
        long until = System.nanoTime() + patience.toNanos();
        Flow flow = flowOf(id);
        while (true) {
            Execution seen = execution(id);
            boolean there = states.isEmpty()
                ? engine.getBean(ExecutionService.class).isTerminated(flow, seen)
                : states.contains(seen.getState().getCurrent().name());
            if (there) {
                return report.of(seen);
            }
            if (System.nanoTime() > until) {
                throw new IllegalStateException("still " + json.writeValueAsString(report.of(seen)));
            }
            Thread.sleep(LOOK);
        }
    }

    /**
     * Kills an execution, and waits for its end. If the workers did not receive the kill, it is repeated.
     */
    private synchronized Object kill(String id) throws Exception {
        for (int again = 0; ; again++) {
            try {
                return report.head(runs().killExecution(execution(id)));
            } catch (RuntimeException stillRunning) {
                if (again == KILLS) {
                    throw stillRunning;
                }
            }
        }
    }

    private Object deliverAgain(String taskRun) throws Exception {
        line.deliverAgain(taskRun);
        return Map.of();
    }

    /** Reads a dashboard as the engine does; returns the types of its charts. */
    private Object dashboard(String source) throws Exception {
        Dashboard dashboard = YamlParser.parse(source, Dashboard.class);
        engine.getBean(ModelValidator.class).validate(dashboard);
        return dashboard.getCharts().stream().map(chart -> chart.getType()).toList();
    }

    private TestRunnerUtils runs() {
        return engine.getBean(TestRunnerUtils.class);
    }

    private Execution execution(String id) {
        return engine.getBean(ExecutionRepositoryInterface.class).findById(TENANT, id).orElseThrow(() -> new IllegalArgumentException("no execution " + id));
    }

    private Flow flow(String namespace, String id) {
        return engine.getBean(FlowRepositoryInterface.class)
            .findById(TENANT, namespace, id)
            .orElseThrow(() -> new IllegalArgumentException("no flow " + namespace + "." + id));
    }

    private Flow flowOf(String executionId) {
        Execution execution = execution(executionId);
        return flow(execution.getNamespace(), execution.getFlowId());
    }

    private static String text(JsonNode request, String field) {
        JsonNode value = request.path(field);
        if (!value.isTextual()) {
            throw new IllegalArgumentException("the request has no text " + field);
        }
        return value.asText();
    }

    private static Set<String> states(JsonNode request) {
        Set<String> states = ConcurrentHashMap.newKeySet();
        request.path("states").forEach(state -> states.add(state.asText()));
        return states;
    }
}
