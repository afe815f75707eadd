# Varnish that forgets pictures as soon as pymager deletes or replaces them, by bans. Start Varnish with this file instead
# of pymager.vcl, which it includes. Change the addresses: those are pymager's. Prefer purge-xkey.vcl for large caches:
# each ban is compared with all objects that are older.
vcl 4.1;

acl purgers {
    "127.0.0.1";
    "::1";
}

sub vcl_recv {
    if (req.method == "BAN") {
        if (client.ip !~ purgers) {
            return (synth(403));
        }
        if (req.http.x-ban-tags !~ "^\((pm[od]-[0-9a-f]{24}\|?)+\)$") {
            return (synth(400));
        }
        # A condition on obj only: Varnish then also tests objects that nobody requests, and drops the ban after that.
        ban("obj.http.xkey ~ " + req.http.x-ban-tags);
        return (synth(200, "Banned"));
    }
}

sub vcl_deliver {
    # The tags are for this cache. If a CDN in front of it needs them, remove this line.
    unset resp.http.xkey;
}

include "/etc/varnish/pymager.vcl";
