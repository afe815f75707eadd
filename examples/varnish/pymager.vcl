# Varnish in front of pymager: a cache in memory that revalidates expired pictures. Change the two lines of the backend.
vcl 4.1;

import std;

backend default {
    .host = "127.0.0.1";
    .port = "8000";
    .first_byte_timeout = 60s;
}

sub vcl_recv {
    if (req.url !~ "^/(derived|original|info)/" && req.url !~ "^/(original|openapi.json)(\?|$)") {
        return (synth(404));
    }
    # Replace the header instead of appending to it: a client must not choose its address.
    set req.http.X-Forwarded-For = client.ip;
    unset req.http.Forwarded;
    unset req.http.Cookie;
    if (req.method != "GET" && req.method != "HEAD") {
        return (pass);
    }
    if (req.url !~ "^/(derived|original|info)/") {
        return (pass);
    }
    # Options and signatures are in the query. Any other query has no effect, so it must not fill the cache. Neither must
    # other spellings of a path or a query, such as %63 for c.
    set req.url = regsub(req.url, "\?v=[^&]*$", "");
    if (req.url !~ "^/derived/" && req.url !~ "[?&]sig=") {
        set req.url = regsub(req.url, "\?.*$", "");
    }
    unset req.http.Authorization;
    if (req.url !~ "^/[a-z]+/([A-Za-z0-9_.@-]|%[89A-F][0-9A-F])+([?&][a-z]+=[A-Za-z0-9_.,-]+)*$" ||
        req.url ~ "[?&]v=") {
        return (pass);
    }
    if (req.url ~ "(?i)\.auto(\?|$)") {
        call normalize_accept;
        if (req.http.Accept == "image/avif") {
            # AVIF without WebP would be a fourth copy. No browser sends this, so it is not cached.
            return (pass);
        }
    }
    return (hash);
}

# The format that a URL with the extension auto gives depends on Accept, and there are hundreds of Accept headers. This
# reduces them to three, by pymager's rule: a type counts if it is named with a weight above 0. The responses have
# Vary: Accept, so Varnish keeps at most three copies of a picture. If PYMAGER_AUTO_FORMATS is not avif,webp, change this.
sub normalize_accept {
    std.collect(req.http.Accept);
    unset req.http.X-Takes;
    if (req.http.Accept !~ "\x22") {
        if (req.http.Accept ~ "(?i)(^|,)[ \t]*image/avif[ \t]*(;[ \t]*q=(0\.[0-9]{1,3}|1(\.0{0,3})?)[ \t]*)?(,|$)" &&
            req.http.Accept !~ "(?i)(^|,)[ \t]*image/avif[ \t]*;[ \t]*q=0(\.0{0,3})?[ \t]*(,|$)") {
            set req.http.X-Takes = "avif";
        }
        if (req.http.Accept ~ "(?i)(^|,)[ \t]*image/webp[ \t]*(;[ \t]*q=(0\.[0-9]{1,3}|1(\.0{0,3})?)[ \t]*)?(,|$)" &&
            req.http.Accept !~ "(?i)(^|,)[ \t]*image/webp[ \t]*;[ \t]*q=0(\.0{0,3})?[ \t]*(,|$)") {
            set req.http.X-Takes = req.http.X-Takes + "webp";
        }
    }
    if (req.http.X-Takes == "avifwebp") {
        set req.http.Accept = "image/avif,image/webp";
    } else if (req.http.X-Takes == "avif") {
        set req.http.Accept = "image/avif";
    } else if (req.http.X-Takes == "webp") {
        set req.http.Accept = "image/webp";
    } else {
        set req.http.Accept = "*/*";
    }
    unset req.http.X-Takes;
}

sub vcl_hash {
    # The cache key does not contain Host, because a client can send any Host.
    hash_data(req.url);
    return (lookup);
}

sub vcl_backend_response {
    if (bereq.is_bgfetch && beresp.status >= 500) {
        # Keep the old picture as long as stale-while-revalidate allows.
        return (abandon);
    }
    if (beresp.status >= 400) {
        # An error is passed on and not cached.
        set beresp.ttl = 0s;
        set beresp.grace = 0s;
        set beresp.uncacheable = true;
        return (deliver);
    }
    if (beresp.http.Cache-Control !~ "stale-while-revalidate") {
        # Varnish's default is 10 seconds.
        set beresp.grace = 0s;
    }
    # Store an expired picture for a day, to revalidate it with its ETag.
    set beresp.keep = 24h;
}

sub vcl_deliver {
    if (obj.hits == 0) {
        set resp.http.X-Cache = "MISS";
    } else if (obj.ttl < 0s) {
        set resp.http.X-Cache = "STALE";
    } else {
        set resp.http.X-Cache = "HIT";
    }
}
