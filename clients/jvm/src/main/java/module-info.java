/** A client of pymager, which stores original pictures and serves variants of them over HTTP. */
module org.pymager.client {
    requires transitive java.net.http;
    requires com.fasterxml.jackson.core;

    exports org.pymager.client;
}
