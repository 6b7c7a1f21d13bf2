// SPDX-License-Identifier: Apache-2.0
// The codec: every message is decoded whole, in every split in two, and byte by byte, and must give
// the same events each time.
#include "manifests/base/buf.h"
#include "proxy/http1.h"
#include "proxy/http1_write.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static char bytes[HEAD_BYTES_MAX * 2];
static struct head head;
static const struct http1_rules *rules;

static void trace_head(struct buf *out, bool is_response) {
  if (is_response)
    (void)buf_addf(out, "<%d", head.status);
  else
    (void)buf_addf(out, "<%.*s %.*s %.*s%s%.*s", STR_ARG(head.method), STR_ARG(head.authority),
                   STR_ARG(head.path), head.query.ptr ? "?" : "", STR_ARG(head.query));
  (void)buf_addf(out, " 1.%d len=%d%s", head.minor, (int)head.length,
                 head.keep_alive ? "" : " close");
  for (unsigned i = 0; i < head.count; i++)
    (void)buf_addf(out, " %.*s=[%.*s]", STR_ARG(head.fields[i].name),
                   STR_ARG(head.fields[i].value));
  (void)buf_add_char(out, '>');
}

// Events as text; the pieces of one body joined, since splits cut them. `first` and `step` say how
// the bytes arrive.
static void decode(struct buf *out, const char *text, size_t len, size_t first, size_t step,
                   bool is_response, bool no_body, bool eof) {
  struct http1_decoder decoder;
  size_t at = 0, there = first < len ? first : len;
  bool in_body = false;
  memcpy(bytes, text, len);
  buf_reset(out);
  head_init(&head);
  http1_decoder_init(&decoder, is_response, rules);
  http1_decoder_start(&decoder, &head, no_body);
  for (;;) {
    size_t used;
    struct str piece;
    enum http1_event event = http1_decode(&decoder, bytes + at, there - at, &used, &piece);
    at += used;
    if (event == HTTP1_MORE && there == len && eof) {
      event = http1_decode_eof(&decoder);
      eof = false;
    } else if (event == HTTP1_MORE) {
      if (there == len)
        break;
      there = there + step < len ? there + step : len;
      continue;
    }
    if (event == HTTP1_BODY) {
      assert_true(piece.len > 0);
      (void)buf_addf(out, "%s%.*s", in_body ? "" : "(", STR_ARG(piece));
      in_body = true;
      continue;
    }
    if (in_body)
      (void)buf_add_char(out, ')');
    in_body = false;
    if (event == HTTP1_HEAD)
      trace_head(out, is_response);
    if (event == HTTP1_FAULT) {
      (void)buf_addf(out, "!%d %.*s", decoder.fault.status, STR_ARG(decoder.fault.details));
      break;
    }
    if (event == HTTP1_END) {
      const struct head_trailers *trailers = http1_decoder_trailers(&decoder);
      for (unsigned i = 0; trailers && i < trailers->count; i++)
        (void)buf_addf(out, " %.*s=[%.*s]", STR_ARG(trailers->fields[i].name),
                       STR_ARG(trailers->fields[i].value));
      (void)buf_add_char(out, '.');
      if (at == len && there == len)
        break;
      http1_decoder_start(&decoder, &head, no_body);
    }
  }
  if (in_body)
    (void)buf_add_char(out, ')');
  http1_decoder_dispose(&decoder);
  head_dispose(&head);
}

static void check(const char *text, const char *expected, bool is_response, bool no_body,
                  bool eof) {
  struct buf out;
  size_t len = strlen(text);
  buf_init(&out, 1 << 20);
  decode(&out, text, len, len, 1, is_response, no_body, eof);
  assert_string_equal(buf_z(&out), expected);
  for (size_t cut = 1; cut < len; cut++) {
    decode(&out, text, len, cut, len, is_response, no_body, eof);
    assert_string_equal(buf_z(&out), expected);
  }
  decode(&out, text, len, 1, 1, is_response, no_body, eof);
  assert_string_equal(buf_z(&out), expected);
  buf_dispose(&out);
}

static void request(const char *text, const char *expected) {
  check(text, expected, false, false, false);
}

static void response(const char *text, const char *expected) {
  check(text, expected, true, false, false);
}

static void requests_are_read(void **state) {
  (void)state;
  request("GET /a?b=c HTTP/1.1\r\nHost: x\r\nEmpty:\r\nX-Y:  z \t\r\n\r\n",
          "<GET x /a?b=c 1.1 len=0 host=[x] empty=[] x-y=[z]>.");
  request("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
          "<POST x / 1.1 len=5 host=[x] content-length=[5]>(hello).");
  request("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n"
          "3;name=\"v\"\r\nabc\r\nA\r\n0123456789\r\n0\r\nTrailer-Field: t\r\n\r\n",
          "<POST x / 1.1 len=-1 host=[x] transfer-encoding=[Chunked]>(abc0123456789) "
          "trailer-field=[t].");
  request("GET / HTTP/1.0\r\nHost: x\r\n\r\n", "<GET x / 1.0 len=0 close host=[x]>.");
  request("GET / HTTP/1.0\r\nHost: x\r\nConnection: Keep-Alive\r\n\r\n",
          "<GET x / 1.0 len=0 host=[x] connection=[Keep-Alive]>.");
  request("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", "<OPTIONS x * 1.1 len=0 host=[x]>.");
}

static void pipelined_requests_come_in_order(void **state) {
  (void)state;
  request("\r\nGET /1 HTTP/1.1\r\nHost: x\r\n\r\nPOST /2 HTTP/1.1\r\nHost: x\r\n"
          "Content-Length: 2\r\n\r\nhiGET /3 HTTP/1.1\r\nHost: x\r\n\r\n",
          "<GET x /1 1.1 len=0 host=[x]>.<POST x /2 1.1 len=2 host=[x] content-length=[2]>(hi)."
          "<GET x /3 1.1 len=0 host=[x]>.");
}

static void targets_are_made_one_form(void **state) {
  (void)state;
  request("GET /a/../b/./c%2e%41#frag HTTP/1.1\r\nHost: x\r\n\r\n",
          "<GET x /b/c.A 1.1 len=0 host=[x]>.");
  request("GET http://other:81/p?q HTTP/1.1\r\nHost: x\r\n\r\n",
          "<GET other:81 /p?q 1.1 len=0 host=[x]>.");
  request("GET http://other HTTP/1.1\r\nHost: x\r\n\r\n", "<GET other / 1.1 len=0 host=[x]>.");
  request("GET http://other?q=1 HTTP/1.1\r\nHost: x\r\n\r\n",
          "<GET other /?q=1 1.1 len=0 host=[x]>.");
  request("GET /%2e%2e/%2E/x HTTP/1.1\r\nHost: x\r\n\r\n", "<GET x /x 1.1 len=0 host=[x]>.");
  request("GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n", "!400 path_normalization_failed");
  request("GET http://u@other/ HTTP/1.1\r\nHost: x\r\n\r\n", "!400 http1.codec_error");
  request("GET ftp://other/ HTTP/1.1\r\nHost: x\r\n\r\n", "!400 http1.codec_error");
  request("GET * HTTP/1.1\r\nHost: x\r\n\r\n", "!400 http1.codec_error");
}

static void doubtful_requests_are_refused(void **state) {
  static const char *const bad[] = {
      "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n folded\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: x\r\nA:\r\n\tfolded\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: x\r\n: b\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: x\r\nA b\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: x\r\nA: b\rc\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: x\r\nA: \001\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: x\nA: b\r\n\r\n",
      "GET / HTTP/1.1\nHost: x\n\n",
      "GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: x y\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: x/y\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a,b\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: x:99999\r\n\r\n",
      "GET /\r\nHost: x\r\n\r\n",
      "GET  / HTTP/1.1\r\nHost: x\r\n\r\n",
      "GET / HTTP/1.1 \r\nHost: x\r\n\r\n",
      "get / HTTP/1.1\r\nHost: x\r\n\r\n",
      "FOO / HTTP/1.1\r\nHost: x\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\nhello",
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5, 5\r\n\r\nhello",
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0x5\r\n\r\nhello",
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length:\r\n\r\nhello",
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n",
  };
  (void)state;
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
    request(bad[i], "!400 http1.codec_error");
  request("GET / HTTP/1.1\r\nA: b\r\n\r\n", "!400 missing_host_header");
  request("GET / HTTP/1.1\r\nHost:\r\n\r\n", "!400 missing_host_header");
  request("GET / HTTP/2.0\r\nHost: x\r\n\r\n", "!505 http1.unsupported_version");
  request("GET / HTTP/0.9\r\nHost: x\r\n\r\n", "!505 http1.unsupported_version");
  request("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "!505 http1.unsupported_version");
  request("GET / HTTP/1.1\r\nHost: x\r\nConnection: close, Host\r\n\r\n",
          "!400 http1.connection_header_rejected");
  request("GET / HTTP/1.1\r\nHost: x\r\nConnection: x-forwarded-for\r\n\r\n",
          "!400 http1.connection_header_rejected");
}

static void one_framing_or_none(void **state) {
  (void)state;
  const char *both = "!400 http1.content_length_and_chunked_not_allowed";
  const char *unknown = "!501 http1.invalid_transfer_encoding";
  request("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0",
          both);
  request("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0",
          both);
  request("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", unknown);
  request("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: identity\r\n\r\n", unknown);
  request("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n", unknown);
  request("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, identity\r\n\r\n", unknown);
  request("POST / HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
          "!400 http1.transfer_encoding_not_allowed");
}

static void broken_chunks_are_faults(void **state) {
  static const char *const bodies[] = {
      "5 \r\nhello\r\n0\r\n\r\n",
      "0x5\r\nhello\r\n0\r\n\r\n",
      "5\nhello\r\n0\r\n\r\n",
      "-1\r\n\r\n",
      "g\r\n\r\n",
      "11111111111111111\r\n",
      "\r\nhello",
      " 5\r\nhello\r\n",
  };
  (void)state;
  for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
    struct buf text, expected;
    buf_init(&text, 1 << 16);
    buf_init(&expected, 1 << 16);
    (void)buf_addf(&text, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n%s",
                   bodies[i]);
    (void)buf_add_z(&expected, "<POST x / 1.1 len=-1 host=[x] transfer-encoding=[chunked]>!400 "
                               "http1.codec_error");
    request(buf_z(&text), buf_z(&expected));
    buf_dispose(&text);
    buf_dispose(&expected);
  }
  request("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcX\r\n",
          "<POST x / 1.1 len=-1 host=[x] transfer-encoding=[chunked]>(abc)!400 http1.codec_error");
}

#define CHUNKED_POST "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
#define CHUNKED_HEAD "<POST x / 1.1 len=-1 host=[x] transfer-encoding=[chunked]>"

static void chunk_extensions_are_read_and_dropped(void **state) {
  (void)state;
  request(CHUNKED_POST "4;a=b;c=d\r\nabcd\r\n0;e\r\n\r\n", CHUNKED_HEAD "(abcd).");
  request(CHUNKED_POST "4;a=\"b;\\\"c\t\"\r\nabcd\r\n0\r\n\r\n", CHUNKED_HEAD "(abcd).");
  request(CHUNKED_POST "4;a=\"\"\r\nabcd\r\n00\r\n\r\n", CHUNKED_HEAD "(abcd).");
  static const char *const bad[] = {
      "4;\r\n",         "4;;a\r\n",       "4;a=\r\n",  "4;=b\r\n",
      "4;a=\"b\r\n",    "4;a=\"b\"c\r\n", "4;a b\r\n", "4;a=\"\001\"\r\n",
      "4;a=\"\\\r\n\"", "4 ;a\r\n",       "4;a\n",     "4;a=b\rc\r\n"};
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    struct buf text;
    buf_init(&text, 1 << 16);
    (void)buf_addf(&text, CHUNKED_POST "%s", bad[i]);
    request(buf_z(&text), CHUNKED_HEAD "!400 http1.codec_error");
    buf_dispose(&text);
  }
}

static void trailers_decide_nothing(void **state) {
  (void)state;
  request(CHUNKED_POST "0\r\nX-Sum: 1 \r\nHost: y\r\nContent-Length: 5\r\nAuthorization: z\r\n"
                       "X-Forwarded-For: 1\r\nIf-Match: a\r\nX_More:\r\n\r\nGET / HTTP/1.1\r\n"
                       "Host: x\r\n\r\n",
          CHUNKED_HEAD " x-sum=[1] x_more=[].<GET x / 1.1 len=0 host=[x]>.");
  static const char *const bad[] = {"X: y\n\r\n",
                                    "X: y\r\n\n",
                                    "X: y\r\n z\r\n\r\n",
                                    " X: y\r\n\r\n",
                                    "X : y\r\n\r\n",
                                    "X\r\n\r\n",
                                    ": y\r\n\r\n",
                                    "X: \001\r\n\r\n",
                                    "\n",
                                    "X: a\rb\r\n\r\n",
                                    "Transfer-Encoding: chunked\r\n\r\n"};
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    struct buf text;
    buf_init(&text, 1 << 16);
    (void)buf_addf(&text, CHUNKED_POST "0\r\n%s", bad[i]);
    request(buf_z(&text), CHUNKED_HEAD "!400 http1.codec_error");
    buf_dispose(&text);
  }
  check(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nGrpc-Status: 0\r\n\r\n",
      "<200 1.1 len=-1 transfer-encoding=[chunked]>(a) grpc-status=[0].", true, false, false);
}

static void trailers_are_written(void **state) {
  static struct head_trailers trailers; // 9 KB
  char out[HTTP1_TRAILERS_ROOM];
  (void)state;
  assert_true(head_trailers_add(&trailers, STR("x-sum"), STR("1")));
  assert_true(head_trailers_add(&trailers, STR("host"), STR("y"))); // dropped
  size_t len = http1_write_trailers(out, sizeof(out), &trailers);
  out[len] = '\0';
  assert_string_equal(out, "0\r\nx-sum: 1\r\n\r\n");
  assert_int_equal(http1_write_trailers(out, len - 1, &trailers), 0);
  for (unsigned i = 1; i < HEAD_TRAILERS_MAX; i++)
    assert_true(head_trailers_add(&trailers, STR("x"), STR("y")));
  assert_false(head_trailers_add(&trailers, STR("x"), STR("y")));
}

static void rules_may_be_stricter(void **state) {
  (void)state;
  const char *text = "GET //a HTTP/1.1\r\nHost: x\r\nX_Y: 1\r\nZ: 2\r\n\r\n";
  struct http1_rules mine = {.underscores = HTTP1_UNDERSCORES_DROP,
                             .path = HEAD_PATH_MERGE_SLASHES};
  request(text, "<GET x //a 1.1 len=0 host=[x] x_y=[1] z=[2]>.");
  rules = &mine;
  request(text, "<GET x /a 1.1 len=0 host=[x] z=[2]>.");
  mine.underscores = HTTP1_UNDERSCORES_REJECT;
  request(text, "!400 http1.unexpected_underscore");
  mine.body_max = 4;
  request("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nabcd",
          "<POST x / 1.1 len=4 host=[x] content-length=[4]>(abcd).");
  request("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabcde",
          "!413 request_payload_too_large");
  // What of a longer one was passed on depends on how it came.
  struct buf out;
  buf_init(&out, 1 << 16);
  const char *long_one = CHUNKED_POST "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
  decode(&out, long_one, strlen(long_one), 1, 1, false, false, false);
  assert_string_equal(buf_z(&out), CHUNKED_HEAD "(abcd)!413 request_payload_too_large");
  buf_dispose(&out);
  rules = NULL;
}

static void limits_hold(void **state) {
  struct buf text, out;
  (void)state;
  buf_init(&text, 1 << 20);
  buf_init(&out, 1 << 20);
  (void)buf_add_z(&text, "GET / HTTP/1.1\r\nHost: x\r\n");
  for (int i = 0; i < 99; i++)
    (void)buf_addf(&text, "a%d: b\r\n", i);
  size_t without_last = text.len;
  (void)buf_add_z(&text, "\r\n");
  decode(&out, text.ptr, text.len, text.len, 1, false, false, false);
  assert_int_equal(out.ptr[0], '<');
  text.len = without_last;
  (void)buf_add_z(&text, "one: more\r\n\r\n");
  decode(&out, text.ptr, text.len, text.len, 1, false, false, false);
  assert_string_equal(buf_z(&out), "!431 request_headers_too_large");
  buf_reset(&text);
  (void)buf_add_z(&text, "GET / HTTP/1.1\r\nHost: x\r\nBig: ");
  while (text.len <= HEAD_BYTES_MAX)
    (void)buf_add_z(&text, "0123456789abcdef");
  decode(&out, text.ptr, text.len, 1000, 1000, false, false, false);
  assert_string_equal(buf_z(&out), "!431 request_headers_too_large");
  // Framing that costs far more than what it frames.
  buf_reset(&text);
  (void)buf_add_z(&text, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;");
  while (text.len < HEAD_BYTES_MAX + 30000)
    (void)buf_add_z(&text, "0123456789abcdef");
  decode(&out, text.ptr, text.len, 1000, 1000, false, false, false);
  assert_non_null(strstr(buf_z(&out), "!400 http1.codec_error"));
  buf_dispose(&text);
  buf_dispose(&out);
}

static void responses_are_read(void **state) {
  (void)state;
  response(
      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 404\r\nContent-Length: 0\r\n\r\n",
      "<200 1.1 len=2 content-length=[2]>(ok).<404 1.1 len=0 content-length=[0]>.");
  response(
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 N\r\nContent-Length: 9\r\n\r\n"
      "HTTP/1.1 304 N\r\nContent-Length: 9\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
      "<100 1.1 len=-1>.<204 1.1 len=9 close content-length=[9]>.<304 1.1 len=9 "
      "content-length=[9]>."
      "<200 1.1 len=0 content-length=[0]>.");
  check("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "<200 1.1 len=5 content-length=[5]>.", true,
        true, false);
  check("HTTP/1.1 200 OK\r\n\r\nuntil the end", "<200 1.1 len=-1>(until the end).", true, false,
        true);
  check("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc",
        "<200 1.1 len=5 content-length=[5]>(abc)!400 http1.codec_error", true, false, true);
  check("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        "<200 1.1 len=-1 transfer-encoding=[chunked]>(abc)!400 http1.codec_error", true, false,
        true);
}

static void doubtful_responses_are_refused(void **state) {
  static const char *const bad[] = {
      "HTTP/1.1 99 X\r\nContent-Length: 0\r\n\r\n",
      "HTTP/1.1 600 X\r\nContent-Length: 0\r\n\r\n",
      "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
      "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
      "hello",
  };
  (void)state;
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    struct buf out;
    buf_init(&out, 1 << 16);
    decode(&out, bad[i], strlen(bad[i]), strlen(bad[i]), 1, true, false, true);
    assert_int_equal(out.ptr[0], '!');
    buf_dispose(&out);
  }
}

static void heads_are_written_anew(void **state) {
  char out[4096];
  struct http1_decoder decoder;
  size_t used;
  struct str piece;
  (void)state;
  const char *text = "POST /a?b HTTP/1.1\r\nHost: x\r\nCoNNection: x-hop, close\r\nX-Hop: 1\r\n"
                     "Keep-Alive: 5\r\nTE: trailers\r\nX-Keep: 2\r\nContent-Length: 3\r\n\r\n";
  memcpy(bytes, text, strlen(text));
  head_init(&head);
  http1_decoder_init(&decoder, false, NULL);
  http1_decoder_start(&decoder, &head, false);
  assert_int_equal(http1_decode(&decoder, bytes, strlen(text), &used, &piece), HTTP1_HEAD);
  struct http1_write_options options = {.framing = HTTP1_LENGTH};
  size_t len = http1_write_request(out, sizeof(out), &head, &options);
  out[len] = '\0';
  assert_string_equal(out, "POST /a?b HTTP/1.1\r\nhost: x\r\nx-keep: 2\r\nte: trailers\r\n"
                           "content-length: 3\r\n\r\n");
  options.framing = HTTP1_CHUNKED;
  options.path = STR("/new");
  options.authority = STR("y");
  len = http1_write_request(out, sizeof(out), &head, &options);
  out[len] = '\0';
  assert_string_equal(out, "POST /new?b HTTP/1.1\r\nhost: y\r\nx-keep: 2\r\nte: trailers\r\n"
                           "transfer-encoding: chunked\r\n\r\n");
  assert_int_equal(http1_write_request(out, len - 1, &head, &options), 0);
  http1_decoder_dispose(&decoder);
}

static void chunk_lines_are_hexadecimal(void **state) {
  char out[HTTP1_CHUNK_ROOM];
  (void)state;
  assert_int_equal(http1_write_chunk_line(out, 1), 3);
  assert_memory_equal(out, "1\r\n", 3);
  assert_int_equal(http1_write_chunk_line(out, 0xabcde), 7);
  assert_memory_equal(out, "abcde\r\n", 7);
  assert_int_equal(http1_write_chunk_line(out, SIZE_MAX), 18);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(requests_are_read),
      cmocka_unit_test(pipelined_requests_come_in_order),
      cmocka_unit_test(targets_are_made_one_form),
      cmocka_unit_test(doubtful_requests_are_refused),
      cmocka_unit_test(one_framing_or_none),
      cmocka_unit_test(broken_chunks_are_faults),
      cmocka_unit_test(chunk_extensions_are_read_and_dropped),
      cmocka_unit_test(trailers_decide_nothing),
      cmocka_unit_test(trailers_are_written),
      cmocka_unit_test(rules_may_be_stricter),
      cmocka_unit_test(limits_hold),
      cmocka_unit_test(responses_are_read),
      cmocka_unit_test(doubtful_responses_are_refused),
      cmocka_unit_test(heads_are_written_anew),
      cmocka_unit_test(chunk_lines_are_hexadecimal),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
