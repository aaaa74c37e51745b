package harbour.quotes;

import java.io.PrintStream;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;

/** One JSON object a line on standard output: what CloudWatch Logs and every other collector can query without a parser. */
final class Log {
    private final PrintStream out;
    private final String service;

    Log(PrintStream out, String service) {
        this.out = out;
        this.service = service;
    }

    void info(String message, Map<String, ?> fields) {
        write("info", message, fields);
    }

    void warn(String message, Map<String, ?> fields) {
        write("warning", message, fields);
    }

    void error(String message, Map<String, ?> fields) {
        write("error", message, fields);
    }

    private void write(String level, String message, Map<String, ?> fields) {
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("time", Instant.now().toString());
        line.put("level", level);
        line.put("service", service);
        line.put("message", message);
        line.putAll(fields);
        out.print(Json.write(line) + "\n");
        out.flush();
    }
}
