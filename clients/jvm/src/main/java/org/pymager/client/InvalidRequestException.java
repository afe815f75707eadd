package org.pymager.client;

/**
 * The request is malformed, or the server does not accept it in this form: 400, 405, 408, 415, 416, and other
 * statuses from 400 to 499 without a class of their own.
 */
public final class InvalidRequestException extends ProblemException {
    private static final long serialVersionUID = 1L;

    InvalidRequestException(Response response) {
        super(response);
    }
}
