package harbour.quotes;

/**
 * Keeps retries a small share of calls. Each call earns a tenth of a retry, each retry spends a whole one; when tracking is down
 * for everybody, the budget runs dry and retries stop instead of tripling the load on it.
 */
final class RetryBudget {
    private static final int TENTHS_PER_RETRY = 10;
    private static final int MAX_TENTHS = 10 * TENTHS_PER_RETRY;

    private int tenths = MAX_TENTHS;

    synchronized void earn() {
        tenths = Math.min(MAX_TENTHS, tenths + 1);
    }

    synchronized boolean trySpend() {
        if (tenths < TENTHS_PER_RETRY) {
            return false;
        }
        tenths -= TENTHS_PER_RETRY;
        return true;
    }
}
