package org.pymager.client;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.ConnectException;
import java.net.NoRouteToHostException;
import java.net.UnknownHostException;
import java.net.http.HttpClient;
import java.net.http.HttpConnectTimeoutException;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandler;
import java.net.http.HttpResponse.BodySubscribers;
import java.nio.channels.UnresolvedAddressException;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLHandshakeException;

/** One call of the API: a request that is sent until there is an answer, or nothing is left to try. */
final class Attempts<T> {
    /** What a response brings: a value, or the body of an error. */
    private record Received<T>(T value, byte[] problem) {}

    private final HttpClient http;
    private final Duration timeout;
    private final RetryPolicy policy;
    private final Call<T> call;
    private final CompletableFuture<T> result = new CompletableFuture<>();
    private final long beganNanos = System.nanoTime();
    private volatile Future<?> pending;
    private int count;
    private boolean mayHaveTakenEffect;

    private Attempts(HttpClient http, Duration timeout, RetryPolicy policy, Call<T> call) {
        this.http = http;
        this.timeout = timeout;
        this.policy = policy;
        this.call = call;
    }

    /** Begins the call. The future ends it, if it is cancelled or completed by someone else. */
    static <T> CompletableFuture<T> begin(HttpClient http, Duration timeout, RetryPolicy policy, Call<T> call) {
        Attempts<T> attempts = new Attempts<>(http, timeout, policy, call);
        attempts.result.whenComplete((value, error) -> attempts.cancelPending());
        attempts.attempt();
        return attempts.result;
    }

    private void attempt() {
        if (result.isDone()) {
            return;
        }
        count++;
        Progress progress = new Progress(timeout);
        try {
            SourcePublisher body = call.body() == null ? null : new SourcePublisher(call.body(), progress);
            CompletableFuture<HttpResponse<Received<T>>> sent = http.sendAsync(request(body), handler(progress));
            await(sent);
            progress.watch(() -> sent.cancel(true));
            sent.whenComplete((response, failure) -> {
                progress.stop();
                if (body != null) {
                    body.close();
                }
                settle(response, failure, body, progress);
            });
        } catch (IOException error) {
            result.completeExceptionally(new UncheckedIOException(error));
        } catch (RuntimeException error) {
            result.completeExceptionally(error);
        }
    }

    private HttpRequest request(SourcePublisher body) {
        HttpRequest.Builder request = HttpRequest.newBuilder(call.uri());
        // Over a plain connection, HTTP/2 would begin with an upgrade, which proxies do not expect.
        boolean isPlain = call.uri().getScheme().equalsIgnoreCase("http");
        request.version(isPlain ? HttpClient.Version.HTTP_1_1 : HttpClient.Version.HTTP_2);
        call.headers().forEach(request::setHeader);
        boolean isEmpty = body == null || body.contentLength() == 0;
        return request.method(call.method(), isEmpty ? BodyPublishers.noBody() : body).build();
    }

    private BodyHandler<Received<T>> handler(Progress progress) {
        return info -> {
            progress.touch();
            var subscriber = info.statusCode() / 100 == 2
                    ? BodySubscribers.mapping(call.receiver().subscriber(info), value -> new Received<>(value, null))
                    : BodySubscribers.mapping(
                            BodyReceivers.problem(), bytes -> new Received<T>(null, bytes));
            return new BodyReceivers.Watched<>(subscriber, progress);
        };
    }

    private void settle(
            HttpResponse<Received<T>> response, Throwable failure, SourcePublisher body, Progress progress) {
        try {
            if (failure == null && response.body().problem() == null) {
                deliver(response.body().value());
            } else if (body != null && body.failure() != null) {
                result.completeExceptionally(new UncheckedIOException(body.failure()));
            } else {
                PymagerException error = failure == null ? problem(response) : translated(failure, progress);
                retryOrFail(error, body);
            }
        } catch (RuntimeException error) {
            result.completeExceptionally(error);
        }
    }

    private void deliver(T value) {
        if (!result.complete(value) && value instanceof Download download) {
            try {
                download.close();
            } catch (IOException error) {
                throw new UncheckedIOException(error);
            }
        }
    }

    private void retryOrFail(PymagerException error, SourcePublisher body) {
        boolean hadNoEffect = error instanceof TooManyRequestsException
                || error instanceof ConnectionFailedException connection && connection.outcomeKnown();
        Duration retryAfter = error instanceof ProblemException problem ? problem.retryAfter().orElse(null) : null;
        Duration delay = policy.delay(count, retryAfter);
        boolean isInTime = elapsed().plus(delay).compareTo(policy.maxElapsed()) <= 0;
        boolean isAllowed = hadNoEffect || call.isRepeatable();
        if (count < policy.maxAttempts() && isTemporary(error) && isAllowed && canReadAgain(body) && isInTime) {
            mayHaveTakenEffect |= !hadNoEffect;
            CompletableFuture<Void> timer = new CompletableFuture<Void>()
                    .completeOnTimeout(null, delay.toNanos(), TimeUnit.NANOSECONDS);
            timer.thenRunAsync(this::attempt);
            await(timer);
        } else {
            result.completeExceptionally(error.afterUnknownOutcome(mayHaveTakenEffect));
        }
    }

    private static boolean isTemporary(PymagerException error) {
        return error instanceof TooManyRequestsException
                || error instanceof UnavailableException
                || error instanceof ConnectionFailedException && !(error.getCause() instanceof SSLHandshakeException);
    }

    private boolean canReadAgain(SourcePublisher body) {
        return body == null || call.body().isRepeatable() || !body.isBegun();
    }

    private Duration elapsed() {
        return Duration.ofNanos(System.nanoTime() - beganNanos);
    }

    private PymagerException problem(HttpResponse<Received<T>> response) {
        int status = response.statusCode();
        if (status < 400) {
            String message = status < 300 || status == 304
                    ? "the server answered with the status " + status + ", which was not asked for"
                    : "the server redirects with the status " + status + "; set the base URL to where it leads";
            return new UnexpectedResponseException(status, message, null);
        }
        Duration retryAfter = RetryAfter.of(response.headers(), Instant.now());
        return ProblemException.of(Json.problem(status, response.body().problem()), retryAfter);
    }

    /** The exception for a failure of the connection. Throws what is not one: that is a bug. */
    private PymagerException translated(Throwable failure, Progress progress) {
        Throwable cause = Futures.unwrapped(failure);
        if (cause instanceof PymagerException error) {
            return error;
        }
        String server = call.uri().getScheme() + "://" + call.uri().getRawAuthority();
        if (progress.isExpired()) {
            String message = server + " made no progress for " + timeout.toMillis() + " ms";
            return new ConnectionFailedException(message, cause, false);
        }
        boolean isUnreachable = cause instanceof ConnectException
                || cause instanceof UnresolvedAddressException
                || cause instanceof UnknownHostException
                || cause instanceof NoRouteToHostException
                || cause instanceof HttpConnectTimeoutException
                || cause instanceof SSLHandshakeException;
        if (isUnreachable) {
            return new ConnectionFailedException("cannot connect to " + server + reason(cause), cause, true);
        }
        if (cause instanceof IOException) {
            String message = "the connection to " + server + " failed" + reason(cause);
            return new ConnectionFailedException(message, cause, false);
        }
        throw cause instanceof RuntimeException error ? error : new IllegalStateException(cause);
    }

    private static String reason(Throwable cause) {
        return cause.getMessage() == null ? "" : ": " + cause.getMessage();
    }

    private void await(Future<?> next) {
        pending = next;
        if (result.isDone()) {
            cancelPending();
        }
    }

    private void cancelPending() {
        Future<?> current = pending;
        if (current != null) {
            current.cancel(true);
        }
    }
}
