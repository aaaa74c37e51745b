package harbour.quotes;

import static harbour.quotes.Check.equal;
import static harbour.quotes.Check.fails;
import static harbour.quotes.Check.that;

import java.math.BigDecimal;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

final class QuoteRequestTests {
    private static final Map<String, String> GOOD = Map.of("from", "NLRTM", "to", "SGSIN", "weight_kg", "1200.5", "volume_m3", "8");

    private static Map<String, String> with(String name, String value) {
        Map<String, String> query = new TreeMap<>(GOOD);
        query.put(name, value);
        return query;
    }

    private static List<?> errors(Map<String, String> query) {
        Problem problem = fails(Problem.class, () -> QuoteRequest.fromQuery(query));
        equal(422, problem.status());
        return (List<?>) problem.body("r").get("errors");
    }

    private static void refused(String field, String value) {
        List<?> errors = errors(with(field, value));
        equal(1, errors.size());
        equal(field, ((Map<?, ?>) errors.get(0)).get("field"));
    }

    void aQueryAndABodyMeanTheSame() throws Exception {
        QuoteRequest expected = new QuoteRequest("NLRTM", "SGSIN", new BigDecimal("1200.5"), new BigDecimal("8"), Optional.of("S-1"));
        equal(expected, QuoteRequest.fromQuery(with("shipment", "S-1")));
        equal(expected, QuoteRequest.fromJson(Json.parse(
                "{\"from\":\"NLRTM\",\"to\":\"SGSIN\",\"weight_kg\":1200.5,\"volume_m3\":8,\"shipment\":\"S-1\"}")));
    }

    void allMistakesAreToldAtOnce() {
        equal(4, errors(Map.of()).size());
    }

    void aWrongFieldIsNamed() {
        refused("from", "XXXXX");
        refused("from", "nlrtm");
        refused("to", "NLRTM");
        refused("weight_kg", "0");
        refused("weight_kg", "-5");
        refused("weight_kg", "1e3");
        refused("weight_kg", "NaN");
        refused("weight_kg", "1.2345");
        refused("weight_kg", "100000000.001");
        refused("volume_m3", "heavy");
        refused("volume_m3", "100001");
        refused("shipment", "../info");
        refused("shipment", "a b");
        refused("wieght_kg", "12");
    }

    void numbersInABodyAreNotQuoted() throws Exception {
        Object body = Json.parse("{\"from\":\"NLRTM\",\"to\":\"SGSIN\",\"weight_kg\":\"12\",\"volume_m3\":true}");
        Problem problem = fails(Problem.class, () -> QuoteRequest.fromJson(body));
        equal(2, ((List<?>) problem.body("r").get("errors")).size());
    }

    void aBodyThatIsNoObjectIsABadRequest() {
        for (Object body : List.of("text", List.of(), true)) {
            equal(400, fails(Problem.class, () -> QuoteRequest.fromJson(body)).status());
        }
        equal(400, fails(Problem.class, () -> QuoteRequest.fromJson(null)).status());
    }

    void anEmptyShipmentIsNoShipment() {
        that(QuoteRequest.fromQuery(with("shipment", "")).shipment().isEmpty(), "a form's empty field was taken for an id");
    }
}
