package harbour.quotes;

import java.time.Duration;
import java.util.function.LongSupplier;

/**
 * Stops calling what keeps failing. Closed: calls pass, and consecutive failures are counted. Open: calls are refused at once,
 * until a pause is over. Half open: one call passes as a probe; its success closes the circuit, its failure opens it again.
 *
 * <p>Every {@link #tryAcquire()} that answers true must be followed by exactly one {@link #success()} or {@link #failure()}.
 */
final class CircuitBreaker {
    enum State { CLOSED, OPEN, HALF_OPEN }

    private final int threshold;
    private final long openNanos;
    private final LongSupplier nanoClock;

    private State state = State.CLOSED;
    private int failures;
    private long openedAt;
    private boolean probing;
    private long timesOpened;

    CircuitBreaker(int threshold, Duration open, LongSupplier nanoClock) {
        this.threshold = threshold;
        this.openNanos = open.toNanos();
        this.nanoClock = nanoClock;
    }

    synchronized boolean tryAcquire() {
        if (state() == State.CLOSED) {
            return true;
        }
        if (state == State.HALF_OPEN && !probing) {
            probing = true;
            return true;
        }
        return false;
    }

    synchronized void success() {
        // A straggler that set out before the circuit opened says nothing about now.
        if (state == State.OPEN) {
            return;
        }
        state = State.CLOSED;
        failures = 0;
        probing = false;
    }

    synchronized void failure() {
        if (state == State.HALF_OPEN || (state == State.CLOSED && ++failures >= threshold)) {
            state = State.OPEN;
            openedAt = nanoClock.getAsLong();
            timesOpened++;
        }
        probing = false;
    }

    /** The pause ends by the clock, not by a call, so that /metrics and /info show the truth without traffic. */
    synchronized State state() {
        if (state == State.OPEN && nanoClock.getAsLong() - openedAt >= openNanos) {
            state = State.HALF_OPEN;
            probing = false;
        }
        return state;
    }

    synchronized long timesOpened() {
        return timesOpened;
    }
}
