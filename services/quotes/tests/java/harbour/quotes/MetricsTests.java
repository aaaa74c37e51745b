package harbour.quotes;

import static harbour.quotes.Check.equal;
import static harbour.quotes.Check.that;

final class MetricsTests {
    void histogramBucketsAreCumulativeAndEndWithAll() {
        Metrics metrics = new Metrics();
        metrics.observe("d_seconds", "D.", 1_000_000, "route", "/");
        metrics.observe("d_seconds", "D.", 30_000_000, "route", "/");
        metrics.observe("d_seconds", "D.", 60_000_000_000L, "route", "/");
        String text = metrics.render();
        that(text.contains("d_seconds_bucket{route=\"/\",le=\"0.001\"} 1\n"), text);
        that(text.contains("d_seconds_bucket{route=\"/\",le=\"0.05\"} 2\n"), text);
        that(text.contains("d_seconds_bucket{route=\"/\",le=\"+Inf\"} 3\n"), text);
        that(text.contains("d_seconds_count{route=\"/\"} 3\n"), text);
        that(text.contains("# TYPE d_seconds histogram\n"), text);
    }

    void labelValuesAreEscaped() {
        Metrics metrics = new Metrics();
        metrics.count("c_total", "C.", "l", "a\"b\\c\nd");
        equal("# HELP c_total C.\n# TYPE c_total counter\nc_total{l=\"a\\\"b\\\\c\\nd\"} 1\n", metrics.render());
    }
}
