package harbour.quotes;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** An answer that is not a success, as application/problem+json (RFC 9457); thrown by whoever finds it out. */
final class Problem extends RuntimeException {
    private static final long serialVersionUID = 1L;

    record Field(String field, String message) {}

    private final int status;
    private final String title;
    private final transient List<Field> errors;
    private final transient Map<String, String> headers;

    private Problem(int status, String title, String detail, List<Field> errors, Map<String, String> headers) {
        super(detail, null, false, false); // no stack trace: it is an answer, not a fault
        this.status = status;
        this.title = title;
        this.errors = errors;
        this.headers = headers;
    }

    static Problem of(int status, String title, String detail) {
        return new Problem(status, title, detail, List.of(), Map.of());
    }

    static Problem invalid(List<Field> errors) {
        return new Problem(422, "Unprocessable Content", "some fields are missing or not usable", errors, Map.of());
    }

    static Problem methodNotAllowed(String allow) {
        return new Problem(405, "Method Not Allowed", "this resource answers " + allow, List.of(), Map.of("Allow", allow));
    }

    int status() {
        return status;
    }

    Map<String, String> headers() {
        return headers;
    }

    Map<String, Object> body(String requestId) {
        Map<String, Object> body = new LinkedHashMap<>();
        body.put("type", "about:blank");
        body.put("title", title);
        body.put("status", status);
        body.put("detail", getMessage());
        body.put("request_id", requestId);
        if (!errors.isEmpty()) {
            List<Object> list = new ArrayList<>();
            errors.forEach(error -> list.add(Map.of("field", error.field(), "message", error.message())));
            body.put("errors", list);
        }
        return body;
    }
}
