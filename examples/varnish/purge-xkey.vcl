# Varnish that forgets pictures as soon as pymager deletes or replaces them, by the vmod xkey of varnish-modules. Start
# Varnish with this file instead of pymager.vcl, which it includes. Change the addresses: those are pymager's.
vcl 4.1;

import xkey;

acl purgers {
    "127.0.0.1";
    "::1";
}

sub vcl_recv {
    if (req.method == "PURGE") {
        if (client.ip !~ purgers) {
            return (synth(403));
        }
        if (!req.http.xkey) {
            return (synth(400));
        }
        # Not softpurge: a picture that was deleted must not be served while it is being revalidated either.
        set req.http.X-Purged = xkey.purge(req.http.xkey);
        return (synth(200, "Purged " + req.http.X-Purged));
    }
}

sub vcl_deliver {
    # The tags are for this cache. If a CDN in front of it needs them, remove this line.
    unset resp.http.xkey;
}

include "/etc/varnish/pymager.vcl";
