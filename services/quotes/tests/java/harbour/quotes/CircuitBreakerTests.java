package harbour.quotes;

import static harbour.quotes.Check.equal;
import static harbour.quotes.Check.that;

import harbour.quotes.CircuitBreaker.State;
import java.time.Duration;

final class CircuitBreakerTests {
    private long now;
    private final CircuitBreaker breaker = new CircuitBreaker(3, Duration.ofNanos(100), () -> now);

    private void fail(int times) {
        for (int i = 0; i < times; i++) {
            that(breaker.tryAcquire(), "refused while closed");
            breaker.failure();
        }
    }

    void itOpensAfterThatManyFailuresInARow() {
        fail(2);
        equal(State.CLOSED, breaker.state());
        fail(1);
        equal(State.OPEN, breaker.state());
        that(!breaker.tryAcquire(), "a call passed an open circuit");
        equal(1L, breaker.timesOpened());
    }

    void aSuccessForgetsTheFailuresBeforeIt() {
        fail(2);
        breaker.success();
        fail(2);
        equal(State.CLOSED, breaker.state());
    }

    void afterThePauseExactlyOneProbePasses() {
        fail(3);
        now += 99;
        that(!breaker.tryAcquire(), "passed too early");
        now += 1;
        equal(State.HALF_OPEN, breaker.state());
        that(breaker.tryAcquire(), "no probe");
        that(!breaker.tryAcquire(), "a second probe");
    }

    void aGoodProbeClosesIt() {
        fail(3);
        now += 100;
        breaker.tryAcquire();
        breaker.success();
        equal(State.CLOSED, breaker.state());
        fail(2);
        equal(State.CLOSED, breaker.state());
    }

    void aBadProbeOpensItForAnotherPause() {
        fail(3);
        now += 100;
        breaker.tryAcquire();
        breaker.failure();
        equal(State.OPEN, breaker.state());
        now += 99;
        that(!breaker.tryAcquire(), "the pause did not begin again");
        now += 1;
        that(breaker.tryAcquire(), "no second probe");
        equal(2L, breaker.timesOpened());
    }

    void aStragglersSuccessDoesNotCloseAnOpenCircuit() {
        breaker.tryAcquire();
        fail(3);
        breaker.success();
        equal(State.OPEN, breaker.state());
    }
}
