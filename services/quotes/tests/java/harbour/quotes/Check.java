package harbour.quotes;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;

/**
 * A test runner in one file, since the JDK has none: every method without arguments of the listed classes is a test, its name the property
 * it proves. Prints a line for each and ends with 1 when one failed.
 */
final class Check {
    interface Action {
        void run() throws Exception;
    }

    private Check() {}

    static void that(boolean holds, String otherwise) {
        if (!holds) {
            throw new AssertionError(otherwise);
        }
    }

    static void equal(Object expected, Object actual) {
        that(Objects.equals(expected, actual), "expected <" + expected + "> but was <" + actual + ">");
    }

    static <T extends Throwable> T fails(Class<T> type, Action action) {
        try {
            action.run();
        } catch (Throwable thrown) {
            that(type.isInstance(thrown), "expected " + type.getName() + " but was " + thrown);
            return type.cast(thrown);
        }
        throw new AssertionError("expected " + type.getName() + " but nothing was thrown");
    }

    public static void main(String[] arguments) {
        int failed = 0;
        for (Class<?> tests : List.of(JsonTests.class, TariffTests.class, QuoteRequestTests.class, CircuitBreakerTests.class,
                TrackingClientTests.class, QuotesTests.class, ConfigTests.class, MetricsTests.class, ApiTests.class)) {
            Method[] methods = tests.getDeclaredMethods();
            Arrays.sort(methods, Comparator.comparing(Method::getName));
            for (Method method : methods) {
                if (method.getParameterCount() == 0 && !method.isSynthetic() && method.getReturnType() == void.class) {
                    failed += run(tests, method) ? 0 : 1;
                }
            }
        }
        System.out.flush();
        System.exit(failed == 0 ? 0 : 1);
    }

    private static boolean run(Class<?> tests, Method method) {
        String name = tests.getSimpleName() + "." + method.getName();
        try {
            var constructor = tests.getDeclaredConstructor();
            constructor.setAccessible(true);
            method.setAccessible(true);
            method.invoke(constructor.newInstance());
            System.out.println("ok " + name);
            return true;
        } catch (InvocationTargetException e) {
            System.out.println("FAILED " + name + ": " + e.getCause());
            e.getCause().printStackTrace();
        } catch (ReflectiveOperationException e) {
            System.out.println("FAILED " + name + ": " + e);
        }
        return false;
    }
}
