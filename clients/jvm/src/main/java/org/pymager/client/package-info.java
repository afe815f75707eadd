/**
 * A client of pymager, which stores original pictures and serves variants of them over HTTP.
 *
 * <p>Begin with {@link org.pymager.client.PymagerClient}. {@link org.pymager.client.Variant} says what a variant looks
 * like, {@link org.pymager.client.PictureUrls} makes its URL, and {@link org.pymager.client.PymagerException} is the
 * root of all exceptions. No method takes or returns null, unless it says so.
 */
package org.pymager.client;
