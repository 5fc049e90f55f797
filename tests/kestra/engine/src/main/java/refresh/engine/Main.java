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
 * Kestra's engine behind a pipe: one JSON request per line of stdin, one JSON reply per line of stdout.
 * A request is {@code {"id": 7, "op": "wait", …}}, its reply {@code {"id": 7, "ok": …}} or
 * {@code {"id": 7, "error": "…"}}. Requests run in parallel. The engine ends when stdin is closed.
 */
public final class Main {
    /** More than the engine has threads. */
    private static final int CONNECTIONS = 200;

    private Main() {
    }

    /** Starts the engine, prints {@code {"ready": true}}, and serves until stdin is closed. */
    public static void main(String[] args) throws Exception {
        PrintStream answers = new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);
        System.setOut(System.err); // the engine's own output is not a reply
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
            // Ends the processes of running tasks.
            ProcessHandle.current().descendants().forEach(ProcessHandle::destroyForcibly);
            clear(Path.of(engine.getProperty("engine.storage", String.class).orElseThrow()));
            Runtime.getRuntime().halt(0); // the engine's threads are not daemons
        }
    }

    /**
     * Raises the number of database connections. With the default of ten, workers sometimes wait for one,
     * and a kill that interrupts this wait ends the whole engine.
     */
    private static void widen(ApplicationContext engine) {
        if (DelegatingDataSource.unwrapDataSource(engine.getBean(DataSource.class)) instanceof HikariDataSource pool) {
            pool.setMaximumPoolSize(CONNECTIONS);
        } else {
            throw new IllegalStateException("the engine's store has an unknown connection pool");
        }
    }

    /** Removes the files of flows. */
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
