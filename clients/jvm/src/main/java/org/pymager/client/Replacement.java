package org.pymager.client;

/**
 * The result of a replace.
 *
 * @param original the original that the id has now
 * @param created whether the id was new. If an answer was lost and the request was sent again, this is what the last
 *     answer says.
 */
public record Replacement(Original original, boolean created) {}
