// A CloudFront function for viewer requests (cloudfront-js-2.0) to URLs that end with .auto. It reduces the header Accept,
// of which there are hundreds, to one of three, by the rule of pymager: a type counts if it is named with a weight above 0.
// If PYMAGER_AUTO_FORMATS is not avif,webp, change the last lines.

function takes(accept, type) {
    var taken = accept.match(
        new RegExp('(^|,)[ \\t]*' + type + '[ \\t]*(;[ \\t]*q=(0\\.[0-9]{1,3}|1(\\.0{0,3})?)[ \\t]*)?(,|$)', 'i'));
    var refused = accept.match(
        new RegExp('(^|,)[ \\t]*' + type + '[ \\t]*;[ \\t]*q=0(\\.0{0,3})?[ \\t]*(,|$)', 'i'));
    return taken !== null && refused === null && accept.indexOf('"') < 0;
}

function handler(event) {
    var request = event.request;
    var header = request.headers.accept;
    var lines = header ? header.multiValue || [header] : [];
    var accept = lines.map(function (line) { return line.value; }).join(',');
    var reduced = '*/*';
    if (takes(accept, 'image/webp')) {
        reduced = takes(accept, 'image/avif') ? 'image/avif,image/webp' : 'image/webp';
    }
    request.headers.accept = { value: reduced };
    return request;
}
