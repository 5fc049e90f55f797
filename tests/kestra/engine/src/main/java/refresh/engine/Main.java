package refresh.engine;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.zaxxer.hikari.HikariDataSource;
import io.kestra.core.runners.TestRunner;
import io.kestra.core.serializers.JacksonMapper;
import io.micronaut.context.ApplicationContext;
import io.micronaut.data.connection.jdbc.advice.DelegatingDataSource;
import java.io.BufferedReader;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.stream.Stream;
import javax.sql.DataSource;

/**
 * Kestra's engine behind a pipe: one request per line of stdin, one answer per line of stdout, both
 * JSON. A request is {@code {"id": 7, "op": "wait", …}}, its answer {@code {"id": 7, "ok": …}} or
 * {@code {"id": 7, "error": "…"}}. Requests are carried out side by side and answered as they end.
 * The engine ends when stdin does.
 */
public final class Main {
    /** More than the engine has threads. */
    private static final int CONNECTIONS = 200;

    private Main() {
    }

    /** Starts the engine, says {@code {"ready": true}}, and serves until stdin ends. */
    public static void main(String[] args) throws Exception {
        PrintStream answers = new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);
        System.setOut(System.err); // whatever the engine prints is no answer
        ApplicationContext engine = ApplicationContext.builder()
            .environments("test")
            .deduceEnvironment(false)
            .start();
        widen(engine);
        Line line = new ThisLine(engine);
        TestRunner runner = engine.getBean(TestRunner.class);
        line.prepare(runner);
        runner.run();
        ObjectMapper json = JacksonMapper.ofJson();
        Requests requests = new Requests(engine, line);
        new WarmUp(requests, line).run();
        answers.println("{\"ready\":true}");
        BufferedReader pipe = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        try (ExecutorService hands = Executors.newVirtualThreadPerTaskExecutor()) {
            for (String text = pipe.readLine(); text != null; text = pipe.readLine()) {
                JsonNode request = json.readTree(text);
                hands.execute(() -> answer(requests, json, request, answers));
            }
            // What tasks still run is nobody's any more.
            ProcessHandle.current().descendants().forEach(ProcessHandle::destroyForcibly);
            clear(Path.of(engine.getProperty("engine.storage", String.class).orElseThrow()));
            Runtime.getRuntime().halt(0); // the engine's threads are not daemons, and nobody waits for them
        }
    }

    /**
     * Gives the store as many connections as a whole test run may ask for. With the usual ten a worker
     * waits for one now and then, and a kill that interrupts this wait ends the whole engine.
     */
    private static void widen(ApplicationContext engine) {
        if (DelegatingDataSource.unwrapDataSource(engine.getBean(DataSource.class)) instanceof HikariDataSource pool) {
            pool.setMaximumPoolSize(CONNECTIONS);
        } else {
            throw new IllegalStateException("the engine's store has another pool than is known here");
        }
    }

    /** Takes away what flows have stored. */
    private static void clear(Path storage) throws Exception {
        try (Stream<Path> all = Files.walk(storage)) {
            all.sorted(Comparator.reverseOrder()).forEach(path -> path.toFile().delete());
        }
    }

    private static void answer(Requests requests, ObjectMapper json, JsonNode request, PrintStream answers) {
        Map<String, Object> answer = new LinkedHashMap<>();
        answer.put("id", request.path("id").asLong());
        String line;
        try {
            answer.put("ok", requests.carryOut(request));
            line = json.writeValueAsString(answer);
        } catch (Throwable error) {
            answer.remove("ok");
            line = "{\"id\":" + request.path("id").asLong() + ",\"error\":" + json.valueToTree(String.valueOf(error)) + "}";
        }
        synchronized (answers) {
            answers.println(line);
        }
    }
}
