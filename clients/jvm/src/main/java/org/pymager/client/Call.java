package org.pymager.client;

import java.net.URI;
import java.util.Map;

/**
 * A request of the API, and what is done with its response.
 *
 * @param body the body; null if there is none
 * @param isRepeatable whether the server can get the request twice. Otherwise it is only sent again if it certainly had
 *     no effect.
 * @param receiver gets the body of a response with a status from 200 to 299
 */
record Call<T>(
        String method,
        URI uri,
        Map<String, String> headers,
        Source body,
        boolean isRepeatable,
        BodyReceivers.Receiver<T> receiver) {}
