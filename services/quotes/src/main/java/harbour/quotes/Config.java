package harbour.quotes;

import java.net.URI;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;

/** What the environment says, read once at start; everything else in the service takes it as an argument. */
record Config(
        String service,
        String environment,
        int port,
        String basePath,
        Optional<URI> tracking,
        Duration trackingTimeout,
        int trackingRetries,
        int breakerFailures,
        Duration breakerOpen,
        Duration drain,
        boolean carrierKeyConfigured) {

    private static final Pattern BASE_PATH = Pattern.compile("(/[A-Za-z0-9._~-]+)+");

    /** The message is one line: variable, what is wrong, what to write instead. */
    static final class Invalid extends RuntimeException {
        private static final long serialVersionUID = 1L;

        Invalid(String message) {
            super(message);
        }
    }

    /** @throws Invalid naming the first variable that cannot be used */
    static Config from(Map<String, String> env) {
        return new Config(
                env.getOrDefault("SERVICE_NAME", "quotes"),
                env.getOrDefault("DEPLOY_ENVIRONMENT", "local"),
                number(env, "PORT", 8080, 0, 65535),
                basePath(env.getOrDefault("BASE_PATH", "")),
                tracking(env.getOrDefault("TRACKING_URL", "")),
                Duration.ofMillis(number(env, "TRACKING_TIMEOUT_MS", 800, 10, 30_000)),
                number(env, "TRACKING_RETRIES", 2, 0, 5),
                number(env, "BREAKER_FAILURES", 5, 1, 100),
                Duration.ofMillis(number(env, "BREAKER_OPEN_MS", 5_000, 10, 600_000)),
                Duration.ofSeconds(number(env, "DRAIN_SECONDS", 5, 0, 60)),
                !env.getOrDefault("CARRIER_API_KEY", "").isBlank());
    }

    private static int number(Map<String, String> env, String name, int otherwise, int min, int max) {
        String text = env.getOrDefault(name, "").strip();
        if (text.isEmpty()) {
            return otherwise;
        }
        try {
            int value = Integer.parseInt(text);
            if (value >= min && value <= max) {
                return value;
            }
        } catch (NumberFormatException e) {
            // the same message as for a number out of range
        }
        throw new Invalid(name + ": \"" + text + "\" is not usable; write a whole number from " + min + " to " + max);
    }

    private static String basePath(String text) {
        String path = text.strip().replaceAll("/+$", "");
        if (path.isEmpty() || BASE_PATH.matcher(path).matches()) {
            return path;
        }
        throw new Invalid("BASE_PATH: \"" + text + "\" is not a path; write it like /quotes");
    }

    private static Optional<URI> tracking(String text) {
        String url = text.strip().replaceAll("/+$", "");
        if (url.isEmpty()) {
            return Optional.empty();
        }
        try {
            URI uri = URI.create(url);
            if (("http".equals(uri.getScheme()) || "https".equals(uri.getScheme())) && uri.getHost() != null) {
                return Optional.of(uri);
            }
        } catch (IllegalArgumentException e) {
            // the same message as for a URL without a host
        }
        throw new Invalid("TRACKING_URL: \"" + text + "\" is not a URL; write it like http://tracking:8080");
    }
}
