package harbour.quotes;

import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.LongSupplier;

/** Counters, gauges and one histogram in Prometheus' text format (version 0.0.4). */
final class Metrics {
    private static final double[] BUCKETS = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5};

    private record Family(String type, String help) {}

    private record Gauge(String labels, LongSupplier value) {}

    private static final class Histogram {
        private final LongAdder[] counts = new LongAdder[BUCKETS.length + 1];
        private final LongAdder nanos = new LongAdder();

        Histogram() {
            for (int i = 0; i < counts.length; i++) {
                counts[i] = new LongAdder();
            }
        }
    }

    private final Map<String, Family> families = new ConcurrentSkipListMap<>();
    private final Map<String, Map<String, LongAdder>> counters = new ConcurrentHashMap<>();
    private final Map<String, Map<String, Gauge>> gauges = new ConcurrentHashMap<>();
    private final Map<String, Map<String, Histogram>> histograms = new ConcurrentHashMap<>();

    /** @param labels name, value, name, value ... */
    void count(String name, String help, String... labels) {
        family(name, "counter", help);
        counters.computeIfAbsent(name, n -> new ConcurrentSkipListMap<>())
                .computeIfAbsent(labels(labels), l -> new LongAdder()).increment();
    }

    void gauge(String name, String help, LongSupplier value, String... labels) {
        family(name, "gauge", help);
        String text = labels(labels);
        gauges.computeIfAbsent(name, n -> new ConcurrentSkipListMap<>()).put(text, new Gauge(text, value));
    }

    void observe(String name, String help, long nanos, String... labels) {
        family(name, "histogram", help);
        Histogram histogram = histograms.computeIfAbsent(name, n -> new ConcurrentSkipListMap<>())
                .computeIfAbsent(labels(labels), l -> new Histogram());
        int bucket = 0;
        while (bucket < BUCKETS.length && nanos > BUCKETS[bucket] * 1e9) {
            bucket++;
        }
        histogram.counts[bucket].increment();
        histogram.nanos.add(nanos);
    }

    private void family(String name, String type, String help) {
        if (!families.containsKey(name)) {
            families.putIfAbsent(name, new Family(type, help));
        }
    }

    private static String labels(String... pairs) {
        StringBuilder out = new StringBuilder();
        for (int i = 0; i < pairs.length; i += 2) {
            out.append(i == 0 ? "" : ",").append(pairs[i]).append("=\"")
                    .append(pairs[i + 1].replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n")).append('"');
        }
        return out.toString();
    }

    String render() {
        StringBuilder out = new StringBuilder(4096);
        families.forEach((name, family) -> {
            out.append("# HELP ").append(name).append(' ').append(family.help()).append('\n');
            out.append("# TYPE ").append(name).append(' ').append(family.type()).append('\n');
            counters.getOrDefault(name, Map.of()).forEach((labels, value) -> sample(out, name, labels, value.toString()));
            gauges.getOrDefault(name, Map.of()).forEach(
                    (labels, gauge) -> sample(out, name, labels, Long.toString(gauge.value().getAsLong())));
            new TreeMap<>(histograms.getOrDefault(name, Map.of())).forEach((labels, h) -> histogram(out, name, labels, h));
        });
        return out.toString();
    }

    private static void histogram(StringBuilder out, String name, String labels, Histogram histogram) {
        String prefix = labels.isEmpty() ? "" : labels + ",";
        long total = 0;
        for (int i = 0; i <= BUCKETS.length; i++) {
            total += histogram.counts[i].sum();
            String bound = i < BUCKETS.length ? Double.toString(BUCKETS[i]) : "+Inf";
            sample(out, name + "_bucket", prefix + "le=\"" + bound + "\"", Long.toString(total));
        }
        sample(out, name + "_sum", labels, Double.toString(histogram.nanos.sum() / 1e9));
        sample(out, name + "_count", labels, Long.toString(total));
    }

    private static void sample(StringBuilder out, String name, String labels, String value) {
        out.append(name);
        if (!labels.isEmpty()) {
            out.append('{').append(labels).append('}');
        }
        out.append(' ').append(value).append('\n');
    }
}
