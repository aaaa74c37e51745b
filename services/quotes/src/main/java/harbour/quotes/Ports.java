package harbour.quotes;

import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/** The ports that the line calls at, by UN/LOCODE, and how far apart they are. */
final class Ports {
    /** Mean radius of the Earth in km, IUGG. */
    private static final double EARTH_KM = 6371.0088;

    /** A ship goes around what a great circle goes over: the sample tariff takes one third more. */
    private static final double SEA_DETOUR = 4.0 / 3.0;

    private record Port(String name, double latitude, double longitude) {}

    private static final Map<String, Port> KNOWN = new TreeMap<>(Map.ofEntries(
            Map.entry("AEJEA", new Port("Jebel Ali", 25.01, 55.06)),
            Map.entry("AUSYD", new Port("Sydney", -33.86, 151.20)),
            Map.entry("BEANR", new Port("Antwerp", 51.26, 4.40)),
            Map.entry("BRSSZ", new Port("Santos", -23.95, -46.31)),
            Map.entry("CNSHA", new Port("Shanghai", 31.23, 121.49)),
            Map.entry("DEHAM", new Port("Hamburg", 53.54, 9.97)),
            Map.entry("EGPSD", new Port("Port Said", 31.26, 32.30)),
            Map.entry("ESALG", new Port("Algeciras", 36.13, -5.44)),
            Map.entry("GBFXT", new Port("Felixstowe", 51.96, 1.33)),
            Map.entry("GRPIR", new Port("Piraeus", 37.94, 23.62)),
            Map.entry("HKHKG", new Port("Hong Kong", 22.33, 114.12)),
            Map.entry("INNSA", new Port("Nhava Sheva", 18.95, 72.95)),
            Map.entry("ITGOA", new Port("Genoa", 44.41, 8.92)),
            Map.entry("JPTYO", new Port("Tokyo", 35.62, 139.79)),
            Map.entry("KRPUS", new Port("Busan", 35.10, 129.04)),
            Map.entry("LKCMB", new Port("Colombo", 6.95, 79.84)),
            Map.entry("NLRTM", new Port("Rotterdam", 51.95, 4.14)),
            Map.entry("SGSIN", new Port("Singapore", 1.26, 103.84)),
            Map.entry("USLAX", new Port("Los Angeles", 33.74, -118.26)),
            Map.entry("USNYC", new Port("New York", 40.67, -74.04)),
            Map.entry("ZADUR", new Port("Durban", -29.87, 31.02))));

    private Ports() {}

    static boolean knows(String code) {
        return KNOWN.containsKey(code);
    }

    static String codes() {
        return String.join(", ", KNOWN.keySet());
    }

    /** For /ports, so that a form can offer what can be priced. */
    static Map<String, String> names() {
        Map<String, String> names = new TreeMap<>();
        KNOWN.forEach((code, port) -> names.put(code, port.name()));
        return names;
    }

    static Optional<String> name(String code) {
        return Optional.ofNullable(KNOWN.get(code)).map(Port::name);
    }

    /** Whole kilometres by sea, the same in both directions; floating point ends here, before any money. */
    static long distanceKm(String from, String to) {
        Port a = KNOWN.get(from);
        Port b = KNOWN.get(to);
        double dLat = Math.toRadians(b.latitude() - a.latitude());
        double dLon = Math.toRadians(b.longitude() - a.longitude());
        double h = Math.pow(Math.sin(dLat / 2), 2)
                + Math.cos(Math.toRadians(a.latitude())) * Math.cos(Math.toRadians(b.latitude())) * Math.pow(Math.sin(dLon / 2), 2);
        return Math.round(2 * EARTH_KM * Math.asin(Math.sqrt(h)) * SEA_DETOUR);
    }
}
