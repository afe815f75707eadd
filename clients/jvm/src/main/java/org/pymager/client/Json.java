package org.pymager.client;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import java.io.IOException;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The server's JSON as values. Fields that are not known are ignored, so that later servers can add some. */
final class Json {
    private static final int MAX_DEPTH = 20;
    private static final JsonFactory FACTORY = JsonFactory.builder()
            .streamReadConstraints(
                    StreamReadConstraints.builder().maxNestingDepth(MAX_DEPTH).build())
            .build();

    private Json() {}

    /**
     * Reads an original.
     *
     * @throws IOException if the body is not one
     */
    static Original original(byte[] body) throws IOException {
        return original(object(body));
    }

    /**
     * Reads a page of the listing.
     *
     * @throws IOException if the body is not one
     */
    static Page page(byte[] body) throws IOException {
        Map<?, ?> fields = object(body);
        List<Original> items = new ArrayList<>();
        for (Object item : field(fields, "items", List.class)) {
            if (!(item instanceof Map<?, ?> original)) {
                throw new IOException("an item of the page is not an object");
            }
            items.add(original(original));
        }
        return new Page(items, Optional.ofNullable(optional(fields, "next", String.class)));
    }

    /** Reads a problem document. If the body is not one, only the status is known. */
    static Problem problem(int status, byte[] body) {
        Map<?, ?> fields;
        try {
            fields = object(body);
        } catch (IOException error) {
            fields = Map.of();
        }
        return new Problem(
                status,
                text(fields, "type", "about:blank"),
                text(fields, "title", ""),
                text(fields, "detail", ""),
                text(fields, "instance", ""),
                text(fields, "request_id", ""));
    }

    private static Original original(Map<?, ?> fields) throws IOException {
        Instant created;
        try {
            created = Instant.parse(field(fields, "created", String.class));
        } catch (DateTimeException error) {
            throw new IOException("the field 'created' is not a time", error);
        }
        return new Original(
                field(fields, "id", String.class),
                field(fields, "format", String.class),
                field(fields, "width", Long.class).intValue(),
                field(fields, "height", Long.class).intValue(),
                field(fields, "size", Long.class),
                field(fields, "sha256", String.class),
                created,
                description(fields));
    }

    private static Optional<Original.Description> description(Map<?, ?> fields) throws IOException {
        Long frames = optional(fields, "frames", Long.class);
        Boolean alpha = optional(fields, "alpha", Boolean.class);
        String dominant = optional(fields, "dominant", String.class);
        String thumbhash = optional(fields, "thumbhash", String.class);
        String blurhash = optional(fields, "blurhash", String.class);
        if (frames == null || alpha == null || dominant == null || thumbhash == null || blurhash == null) {
            return Optional.empty();
        }
        return Optional.of(new Original.Description(frames.intValue(), alpha, dominant, thumbhash, blurhash));
    }

    private static String text(Map<?, ?> fields, String name, String fallback) {
        return fields.get(name) instanceof String value ? value : fallback;
    }

    private static <T> T field(Map<?, ?> fields, String name, Class<T> type) throws IOException {
        T value = optional(fields, name, type);
        if (value == null) {
            throw new IOException("the field '" + name + "' is missing");
        }
        return value;
    }

    private static <T> T optional(Map<?, ?> fields, String name, Class<T> type) throws IOException {
        Object value = fields.get(name);
        if (value != null && !type.isInstance(value)) {
            throw new IOException("the field '" + name + "' is not a " + type.getSimpleName());
        }
        return type.cast(value);
    }

    private static Map<?, ?> object(byte[] body) throws IOException {
        try (JsonParser parser = FACTORY.createParser(body)) {
            parser.nextToken();
            if (value(parser) instanceof Map<?, ?> fields && parser.nextToken() == null) {
                return fields;
            }
            throw new IOException("the body is not a JSON object");
        }
    }

    private static Object value(JsonParser parser) throws IOException {
        JsonToken token = parser.currentToken();
        if (token == null) {
            throw new IOException("the body is empty");
        }
        return switch (token) {
            case START_OBJECT -> members(parser);
            case START_ARRAY -> elements(parser);
            case VALUE_STRING -> parser.getText();
            case VALUE_NUMBER_INT -> parser.getLongValue();
            case VALUE_NUMBER_FLOAT -> parser.getDoubleValue();
            case VALUE_TRUE -> true;
            case VALUE_FALSE -> false;
            case VALUE_NULL -> null;
            default -> throw new IOException("the body is not JSON");
        };
    }

    private static Map<String, Object> members(JsonParser parser) throws IOException {
        Map<String, Object> members = new HashMap<>();
        while (parser.nextToken() == JsonToken.FIELD_NAME) {
            String name = parser.currentName();
            parser.nextToken();
            members.put(name, value(parser));
        }
        return members;
    }

    private static List<Object> elements(JsonParser parser) throws IOException {
        List<Object> elements = new ArrayList<>();
        while (parser.nextToken() != JsonToken.END_ARRAY) {
            elements.add(value(parser));
        }
        return elements;
    }
}
