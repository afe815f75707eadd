package org.pymager.client;

import java.io.Serializable;

/**
 * What a response says about an error (RFC 9457). If it is not a problem document, as from a proxy, only the status is
 * known.
 *
 * @param status the status of the response
 * @param type a URI for the kind of problem; {@code about:blank} if the status says it all
 * @param title the name of the status, such as {@code Not Found}; can be empty
 * @param detail what was wrong; can be empty
 * @param instance a URI for this occurrence; can be empty
 * @param requestId the id of the request in the server's log; can be empty
 * @serial exclude
 */
public record Problem(int status, String type, String title, String detail, String instance, String requestId)
        implements Serializable {

    /** One line for a log. */
    String summary() {
        String name = title.isEmpty() ? String.valueOf(status) : status + " " + title;
        String reason = detail.isEmpty() ? name : name + ": " + detail;
        return requestId.isEmpty() ? reason : reason + " (request " + requestId + ")";
    }
}
