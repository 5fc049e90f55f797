package refresh.engine;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.kestra.core.serializers.JacksonMapper;
import java.util.List;
import java.util.Map;

/**
 * Waits until the engine is ready. Its parts report that they run shortly before they receive new flows and
 * kills, and earlier events are lost: a trigger never starts its flow, and a killed task continues. So
 * this tries one of each until it works, in a namespace that tests do not use.
 */
final class WarmUp {
    private static final String NAMESPACE = "refresh.engine";

    /** How often the trigger is tried. */
    private static final int TRIES = 20;

    /** How long one attempt waits, in milliseconds. */
    private static final long SOON = 2_000;

    private final Requests requests;
    private final Line line;

    WarmUp(Requests requests, Line line) {
        this.requests = requests;
        this.line = line;
    }

    void run() throws Exception {
        triggersStart();
        killsArrive();
        for (String flow : List.of("first", "second", "endless")) {
            ask("delete", Map.of("namespace", NAMESPACE, "flow", flow));
        }
    }

    private void triggersStart() throws Exception {
        load("first", "tasks: [{id: say, type: io.kestra.plugin.core.log.Log, message: warm}]");
        for (int tries = 1; tries <= TRIES; tries++) {
            // Another description makes another revision, which is announced again.
            load("second", "description: try %d\ntriggers: [%s]\ntasks: [{id: say, type: io.kestra.plugin.core.log.Log, message: warm}]"
                .formatted(tries, line.startedBy(NAMESPACE, "first")));
            end(start("first"));
            long until = System.currentTimeMillis() + SOON;
            while (System.currentTimeMillis() < until) {
                if (!ask("find", Map.of("namespace", NAMESPACE, "flow", "second")).isEmpty()) {
                    return;
                }
                Thread.sleep(20);
            }
        }
        throw new IllegalStateException("the engine does not run flow triggers");
    }

    private void killsArrive() throws Exception {
        load("endless", "tasks: [{id: sleep, type: io.kestra.plugin.scripts.shell.Commands, "
            + "taskRunner: {type: io.kestra.plugin.core.runner.Process}, commands: [sleep 600]}]");
        String execution = start("endless");
        while (!ask("report", Map.of("execution", execution)).at("/tasks/0/state").asText().equals("RUNNING")) {
            Thread.sleep(20);
        }
        ask("kill", Map.of("execution", execution));
    }

    private void load(String id, String rest) throws Exception {
        ask("load", Map.of("source", "id: %s\nnamespace: %s\n%s\n".formatted(id, NAMESPACE, rest)));
    }

    private String start(String flow) throws Exception {
        return ask("start", Map.of("namespace", NAMESPACE, "flow", flow)).path("execution").asText();
    }

    private void end(String execution) throws Exception {
        ask("wait", Map.of("execution", execution));
    }

    /** Sends a request as a test does, without the pipe. */
    private JsonNode ask(String op, Map<String, String> fields) throws Exception {
        ObjectNode request = JsonNodeFactory.instance.objectNode();
        request.put("op", op);
        fields.forEach(request::put);
        return JacksonMapper.ofJson().valueToTree(requests.carryOut(request));
    }
}
