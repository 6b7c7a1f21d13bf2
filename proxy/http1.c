// SPDX-License-Identifier: Apache-2.0
#include "proxy/http1.h"

#include "manifests/base/alloc.h"
#include "manifests/base/bug.h"

#include <llhttp.h>
#include <string.h>

#define CONNECTION_OPTIONS_MAX 32u

static int fail(struct http1_decoder *d, int status, struct str details) {
  if (d->fault.status == 0)
    d->fault = (struct http1_fault){status, details};
  return HPE_USER;
}

static int too_large(struct http1_decoder *d) {
  return fail(d, 413, STR("request_payload_too_large"));
}

static int bad(struct http1_decoder *d) {
  return fail(d, 400, STR("http1.codec_error"));
}

// A span that does not follow on the one before is a folded line.
static int extend(struct http1_decoder *d, struct str *span, const char *at, size_t len) {
  if (span->ptr == NULL)
    span->ptr = at;
  else if (at != span->ptr + span->len)
    return bad(d);
  span->len += len;
  return 0;
}

static int on_field(llhttp_t *parser, const char *at, size_t len) {
  struct http1_decoder *d = parser->data;
  return extend(d, &d->name, at, len);
}

static int on_value(llhttp_t *parser, const char *at, size_t len) {
  struct http1_decoder *d = parser->data;
  return extend(d, &d->value, at, len);
}

// Whether the field is left out, or the whole request refused.
static bool has_underscore(const struct http1_decoder *d) {
  return d->rules->underscores != HTTP1_UNDERSCORES_ALLOW && str_find_char(d->name, '_') >= 0;
}

static int on_value_complete(llhttp_t *parser) {
  struct http1_decoder *d = parser->data;
  if (d->head->count + d->dropped >= HEAD_FIELDS_MAX)
    return fail(d, 431, STR("request_headers_too_large"));
  // The bytes are the caller's own buffer; llhttp only hands them around as const.
  char *name = d->name.ptr ? d->start + (d->name.ptr - d->start) : NULL;
  if (!name)
    return bad(d);
  if (has_underscore(d)) {
    if (d->rules->underscores == HTTP1_UNDERSCORES_REJECT)
      return fail(d, 400, STR("http1.unexpected_underscore"));
    d->dropped++;
  } else if (!head_add_wire(d->head, name, d->name.len, str_trim(d->value))) {
    return bad(d);
  }
  d->name = d->value = STR_NULL;
  return 0;
}

// What comes behind the head is not this parser's business.
static int on_headers_complete(llhttp_t *parser) {
  (void)parser;
  return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_header_field = on_field,
    .on_header_value = on_value,
    .on_header_value_complete = on_value_complete,
    .on_headers_complete = on_headers_complete,
};

void http1_decoder_init(struct http1_decoder *d, bool is_response,
                        const struct http1_rules *rules) {
  static const struct http1_rules standard;
  *d = (struct http1_decoder){.is_response = is_response,
                              .parser = XNEW(llhttp_t),
                              .rules = rules && !is_response ? rules : &standard};
}

void http1_decoder_dispose(struct http1_decoder *d) {
  http1_frame_dispose(&d->frame);
  xfree(d->parser);
  d->parser = NULL;
}

void http1_decoder_start(struct http1_decoder *d, struct head *head, bool no_body) {
  llhttp_init(d->parser, d->is_response ? HTTP_RESPONSE : HTTP_REQUEST, &settings);
  d->parser->data = d;
  d->head = head;
  d->fault = (struct http1_fault){0};
  d->head_done = false;
  d->no_body = no_body;
  d->start = NULL;
  d->head_len = 0;
  d->dropped = 0;
  d->name = d->value = STR_NULL;
  head_reset(head);
}

const struct head_trailers *http1_decoder_trailers(const struct http1_decoder *d) {
  const struct head_trailers *trailers = d->head_done ? d->frame.trailers : NULL;
  return trailers && trailers->count > 0 ? trailers : NULL;
}

bool http1_decoder_is_started(const struct http1_decoder *d) {
  return d->start != NULL;
}

// Every line of the head ends in CRLF, none is folded, and there are as many of them as llhttp
// reported fields: then no other reader can see other fields than we do. Returns the length of the
// first line, 0 on a fault.
static size_t check_lines(const struct http1_decoder *d) {
  const char *at = d->start, *end = d->start + d->head_len;
  size_t first = 0, lines = 0;
  while (at < end) {
    const char *lf = memchr(at, '\n', (size_t)(end - at));
    if (!lf || lf == at || lf[-1] != '\r' || memchr(at, '\r', (size_t)(lf - at)) != lf - 1)
      return 0;
    size_t len = (size_t)(lf - at) - 1;
    if (len == 0)
      return lf + 1 == end && lines == d->head->count + d->dropped + 1 ? first : 0;
    if (*at == ' ' || *at == '\t')
      return 0;
    if (lines++ == 0)
      first = len;
    at = lf + 1;
  }
  return 0;
}

// "HTTP/1.0" or "HTTP/1.1" at the given place; sets minor.
static bool read_version(struct str text, int *minor) {
  if (text.len != 8 || memcmp(text.ptr, "HTTP/1.", 7) != 0 || text.ptr[7] < '0' ||
      text.ptr[7] > '1')
    return false;
  *minor = text.ptr[7] - '0';
  return true;
}

// Takes the authority out of "http://authority/path"; the rest stays in *target.
static bool split_absolute(struct str *target, struct str *ret_authority) {
  size_t scheme = 0;
  if (target->len > 7 && str_eq_nocase(str_slice(*target, 0, 7), STR("http://")))
    scheme = 7;
  else if (target->len > 8 && str_eq_nocase(str_slice(*target, 0, 8), STR("https://")))
    scheme = 8;
  else
    return false;
  size_t end = scheme;
  while (end < target->len && !memchr("/?#", target->ptr[end], 3))
    end++;
  *ret_authority = str_slice(*target, scheme, end);
  *target = str_slice(*target, end, target->len);
  return true;
}

static int read_target(struct http1_decoder *d, struct str target, struct str *absolute) {
  struct head *head = d->head;
  if (head->is_connect)
    return head_authority_is_valid(target) ? 0 : bad(d);
  if (str_eq(target, STR("*"))) {
    head->path = target;
    return str_eq(head->method, STR("OPTIONS")) ? 0 : bad(d);
  }
  if (target.len == 0 || (target.ptr[0] != '/' && !split_absolute(&target, absolute)))
    return bad(d);
  if (absolute->ptr && !head_authority_is_valid(*absolute))
    return bad(d);
  if (target.len == 0 || target.ptr[0] == '#') {
    head->path = STR("/");
    return 0;
  }
  if (target.ptr[0] == '?') { // "http://host?query"
    ptrdiff_t hash = str_find_char(target, '#');
    head->path = STR("/");
    head->query = str_slice(target, 1, hash < 0 ? target.len : (size_t)hash);
    return 0;
  }
  size_t len = target.len;
  char *path = d->start + (target.ptr - d->start);
  if (!head_path_normalize(path, &len, d->rules->path))
    return fail(d, 400, STR("path_normalization_failed"));
  ptrdiff_t query = str_find_char((struct str){path, len}, '?');
  head->path = (struct str){path, query < 0 ? len : (size_t)query};
  head->query = query < 0 ? STR_NULL : (struct str){path + query + 1, len - (size_t)query - 1};
  return 0;
}

static int read_request_line(struct http1_decoder *d, struct str line, struct str *absolute) {
  ptrdiff_t first = str_find_char(line, ' ');
  if (first <= 0 || line.len < (size_t)first + 11)
    return bad(d);
  struct str rest = str_slice(line, (size_t)first + 1, line.len);
  ptrdiff_t second = str_find_char(rest, ' ');
  if (second <= 0)
    return bad(d);
  struct str version = str_slice(rest, (size_t)second + 1, rest.len);
  if (str_find_char(version, ' ') >= 0)
    return bad(d);
  if (!read_version(version, &d->head->minor))
    return str_starts(version, STR("HTTP/")) ? fail(d, 505, STR("http1.unsupported_version"))
                                             : bad(d);
  d->head->method = str_slice(line, 0, (size_t)first);
  head_classify_method(d->head);
  return read_target(d, str_slice(rest, 0, (size_t)second), absolute);
}

static int read_status_line(struct http1_decoder *d, struct str line) {
  // "HTTP/1.1 200" and then nothing, or a space and a reason.
  if (line.len < 12 || !read_version(str_slice(line, 0, 8), &d->head->minor) ||
      line.ptr[8] != ' ' || (line.len > 12 && line.ptr[12] != ' '))
    return bad(d);
  int status = 0;
  for (int i = 9; i < 12; i++) {
    if (line.ptr[i] < '0' || line.ptr[i] > '9')
      return bad(d);
    status = status * 10 + (line.ptr[i] - '0');
  }
  if (status < 100 || status > 599)
    return bad(d);
  d->head->status = status;
  return 0;
}

static bool is_digits(struct str text) {
  for (size_t i = 0; i < text.len; i++) {
    if (text.ptr[i] < '0' || text.ptr[i] > '9')
      return false;
  }
  return text.len > 0;
}

// One framing, or a refusal.
static int read_framing(struct http1_decoder *d) {
  struct head *head = d->head;
  unsigned lengths = head_count(head, HEAD_CONTENT_LENGTH);
  unsigned encodings = head_count(head, HEAD_TRANSFER_ENCODING);
  if (lengths > 0 && encodings > 0)
    return fail(d, 400, STR("http1.content_length_and_chunked_not_allowed"));
  if (lengths > 1)
    return fail(d, 400, STR("http1.content_length_not_allowed"));
  if (encodings > 0) {
    if (head->minor == 0)
      return fail(d, 400, STR("http1.transfer_encoding_not_allowed"));
    struct str value = head_find(head, HEAD_TRANSFER_ENCODING)->value;
    if (encodings > 1 || !str_eq_nocase(value, STR("chunked")))
      return fail(d, 501, STR("http1.invalid_transfer_encoding"));
    head->length = HEAD_LENGTH_UNKNOWN;
  } else if (lengths > 0) {
    struct str value = head_find(head, HEAD_CONTENT_LENGTH)->value;
    if (value.len > 18 || !is_digits(value) || !str_to_i64(value, &head->length))
      return bad(d);
  } else {
    head->length = d->is_response ? HEAD_LENGTH_UNKNOWN : 0;
  }
  if (d->rules->body_max > 0 && head->length > 0 && (uint64_t)head->length > d->rules->body_max)
    return too_large(d);
  d->no_body |=
      d->is_response && (head->status < 200 || head->status == 204 || head->status == 304);
  return 0;
}

// Connection: what the peer wants of this hop. It may not take away what the proxy relies on.
static int read_connection(struct http1_decoder *d) {
  struct head *head = d->head;
  bool close = false, keep = false, upgrade = false;
  unsigned options = 0;
  bool has_connection = head_find(head, HEAD_CONNECTION);
  for (unsigned i = 0; has_connection && i < head->count; i++) {
    if (head->fields[i].id != HEAD_CONNECTION)
      continue;
    struct str rest = head->fields[i].value, part;
    while (str_next(&rest, ',', &part)) {
      part = str_trim(part);
      // Each of them is compared with every field: a long list would only cost time.
      if (++options > CONNECTION_OPTIONS_MAX)
        return fail(d, 400, STR("http1.connection_header_rejected"));
      enum head_name id = head_name_find(part);
      if (head_name_flags(id) & HEAD_IS_CRITICAL)
        return fail(d, 400, STR("http1.connection_header_rejected"));
      bool is_close = str_eq_nocase(part, STR("close"));
      close |= is_close;
      keep |= id == HEAD_KEEP_ALIVE;
      upgrade |= id == HEAD_UPGRADE;
      head->names_fields |= !is_close && !(head_name_flags(id) & HEAD_IS_HOP);
    }
  }
  head->keep_alive = !close && (head->minor == 1 || keep);
  head->wants_upgrade = upgrade && head_find(head, HEAD_UPGRADE);
  return 0;
}

static int read_host(struct http1_decoder *d, struct str absolute) {
  struct head *head = d->head;
  unsigned hosts = head_count(head, HEAD_HOST);
  if (hosts > 1)
    return bad(d);
  const struct head_field *host = head_find(head, HEAD_HOST);
  if (host && host->value.len > 0 && !head_authority_is_valid(host->value))
    return bad(d);
  if (!host && head->minor == 1)
    return fail(d, 400, STR("missing_host_header"));
  head->authority = absolute.ptr ? absolute : host ? host->value : STR_NULL;
  if (head->authority.len == 0)
    return fail(d, 400, STR("missing_host_header"));
  return 0;
}

static int finish_head(struct http1_decoder *d) {
  struct head *head = d->head;
  size_t first = check_lines(d);
  if (first == 0)
    return bad(d);
  struct str line = {d->start, first}, absolute = STR_NULL;
  int rc = d->is_response ? read_status_line(d, line) : read_request_line(d, line, &absolute);
  if (rc == 0)
    rc = read_framing(d);
  if (rc == 0)
    rc = read_connection(d);
  if (rc != 0)
    return rc;
  if (d->is_response) {
    // A body that may not be there comes, perhaps, and would be taken for the next answer.
    if (head->status == 204 && (head->length > 0 || head_count(head, HEAD_TRANSFER_ENCODING) > 0))
      head->keep_alive = false;
    return 0;
  }
  rc = read_host(d, absolute);
  const struct head_field *expect = head_find(head, HEAD_EXPECT);
  head->expects_continue =
      expect && head->minor == 1 && str_eq_nocase(expect->value, STR("100-continue"));
  return rc;
}

static enum http1_event fault_of(struct http1_decoder *d, llhttp_errno_t error) {
  if (d->fault.status != 0)
    return HTTP1_FAULT;
  bool length = !d->head_done && (head_find(d->head, HEAD_CONTENT_LENGTH) ||
                                  str_eq_nocase(d->name, STR("content-length")));
  bool encoding = !d->head_done && (head_find(d->head, HEAD_TRANSFER_ENCODING) ||
                                    str_eq_nocase(d->name, STR("transfer-encoding")));
  if (length && encoding)
    (void)fail(d, 400, STR("http1.content_length_and_chunked_not_allowed"));
  else if (error == HPE_INVALID_TRANSFER_ENCODING)
    (void)fail(d, 501, STR("http1.invalid_transfer_encoding"));
  else if (error == HPE_PAUSED_H2_UPGRADE)
    (void)fail(d, 505, STR("http1.unsupported_version"));
  else
    (void)bad(d);
  return HTTP1_FAULT;
}

// The empty lines that a client may send before a request (RFC 9112 2.2).
static size_t skip_empty_lines(const struct http1_decoder *d, const char *data, size_t len) {
  size_t at = 0;
  while (!d->is_response && at + 1 < len && data[at] == '\r' && data[at + 1] == '\n')
    at += 2;
  return at;
}

static enum http1_frame_kind frame_kind(const struct http1_decoder *d) {
  if (d->no_body || d->head->length >= 0)
    return HTTP1_FRAME_LENGTH;
  return head_count(d->head, HEAD_TRANSFER_ENCODING) > 0 ? HTTP1_FRAME_CHUNKS : HTTP1_FRAME_EOF;
}

static enum http1_event on_head(struct http1_decoder *d) {
  if (finish_head(d) != 0)
    return HTTP1_FAULT;
  d->head_done = true;
  uint64_t length = d->no_body || d->head->length < 0 ? 0 : (uint64_t)d->head->length;
  http1_frame_start(&d->frame, frame_kind(d), length);
  return HTTP1_HEAD;
}

static enum http1_event decode_body(struct http1_decoder *d, const char *data, size_t len,
                                    size_t *ret_used, struct str *ret_piece) {
  enum http1_event event = http1_frame_next(&d->frame, data, len, ret_used, ret_piece);
  if (event == HTTP1_FAULT) {
    (void)bad(d);
  } else if (d->rules->body_max > 0 && d->frame.body_bytes > d->rules->body_max) {
    (void)too_large(d);
    event = HTTP1_FAULT;
  }
  return event;
}

static enum http1_event decode_head(struct http1_decoder *d, char *data, size_t len,
                                    size_t *ret_used) {
  size_t skipped = 0;
  if (!d->start) {
    skipped = skip_empty_lines(d, data, len);
    *ret_used = skipped;
    // A lone CR may be the first half of an empty line: leave it for the next call.
    if (skipped == len || (len - skipped == 1 && data[skipped] == '\r' && !d->is_response))
      return HTTP1_MORE;
    d->start = data + skipped;
  }
  llhttp_errno_t error = llhttp_execute(d->parser, data + skipped, len - skipped);
  size_t used = error == HPE_OK ? len - skipped
                                : (size_t)(llhttp_get_error_pos(d->parser) - (data + skipped));
  *ret_used = skipped + used;
  d->head_len += used;
  if (d->head_len > HEAD_BYTES_MAX)
    (void)fail(d, 431, STR("request_headers_too_large"));
  if (d->fault.status != 0)
    return HTTP1_FAULT;
  if (error == HPE_OK)
    return HTTP1_MORE;
  return error == HPE_PAUSED ? on_head(d) : fault_of(d, error);
}

enum http1_event http1_decode(struct http1_decoder *d, char *data, size_t len, size_t *ret_used,
                              struct str *ret_piece) {
  *ret_used = 0;
  *ret_piece = STR_NULL;
  if (d->fault.status != 0)
    return HTTP1_FAULT;
  if (d->head_done)
    return decode_body(d, data, len, ret_used, ret_piece);
  return len == 0 ? HTTP1_MORE : decode_head(d, data, len, ret_used);
}

enum http1_event http1_decode_eof(struct http1_decoder *d) {
  if (d->fault.status == 0 && d->head_done && http1_frame_eof(&d->frame) == HTTP1_END)
    return HTTP1_END;
  return fault_of(d, HPE_INVALID_EOF_STATE);
}
