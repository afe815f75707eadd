package org.pymager.client;

import java.time.Duration;
import java.util.Optional;

/** The server, or a proxy in front of it, answered with an error status. There is a subclass for each kind. */
public abstract class ProblemException extends PymagerException {
    private static final long serialVersionUID = 1L;

    /** The problem, and how long to wait. */
    record Response(Problem problem, Duration retryAfter) {}

    /** What the server says. */
    private final Problem problem;
    /** How long to wait; null if the response does not say. */
    private final Duration retryAfter;

    ProblemException(Response response) {
        super(response.problem().summary(), null);
        this.problem = response.problem();
        this.retryAfter = response.retryAfter();
    }

    /**
     * Returns what the server says about the error.
     *
     * @return the problem
     */
    public Problem problem() {
        return problem;
    }

    /**
     * Returns the status of the response.
     *
     * @return the status, such as 404
     */
    public int status() {
        return problem.status();
    }

    /**
     * Returns how long the server asks to wait before another attempt, from the header {@code Retry-After}.
     *
     * @return the duration, if the response has the header
     */
    public Optional<Duration> retryAfter() {
        return Optional.ofNullable(retryAfter);
    }

    static ProblemException of(Problem problem, Duration retryAfter) {
        Response response = new Response(problem, retryAfter);
        return switch (problem.status()) {
            case 401 -> new UnauthorizedException(response);
            case 403 -> new ForbiddenException(response);
            case 404 -> new NotFoundException(response);
            case 409 -> new ConflictException(response);
            case 412 -> new PreconditionFailedException(response);
            case 413 -> new TooLargeException(response);
            case 422 -> new UnprocessableException(response);
            case 429 -> new TooManyRequestsException(response);
            case 502, 503, 504 -> new UnavailableException(response);
            case 507 -> new StorageFullException(response);
            default -> problem.status() < 500
                    ? new InvalidRequestException(response)
                    : new ServerErrorException(response);
        };
    }
}
