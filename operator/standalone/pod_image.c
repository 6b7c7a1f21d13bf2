// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/pod_image.h"
#include "manifests/base/buf.h"

// One word off the front of *rest; an empty word only when it was quoted.
static int next_word(struct str *rest, struct buf *word, struct err *err) {
  char quote = 0;
  size_t i = 0;
  for (; i < rest->len; i++) {
    char c = rest->ptr[i];
    if (c == '\\' && quote != '\'' && i + 1 < rest->len)
      buf_add_char(word, rest->ptr[++i]);
    else if (quote && c == quote)
      quote = 0;
    else if (!quote && (c == '\'' || c == '"'))
      quote = c;
    else if (!quote && (c == ' ' || c == '\t' || c == '\n'))
      break;
    else
      buf_add_char(word, c);
  }
  if (quote)
    return err_set(err, RC_PARSE, "a quote (%c) is not closed", quote);
  *rest = str_slice(*rest, i, rest->len);
  return RC_OK;
}

int pod_words(struct str text, struct arena *arena, struct str **ret_words, size_t *ret_count,
              struct err *err) {
  void *words = NULL;
  size_t count = 0, capacity = 0;
  int rc = RC_OK;
  struct buf word;
  buf_init(&word, 1u << 20);
  for (struct str rest = str_trim(text); rc == RC_OK && rest.len > 0; rest = str_trim(rest)) {
    buf_reset(&word);
    rc = next_word(&rest, &word, err);
    if (rc == RC_OK)
      *(struct str *)arena_push(arena, &words, &count, &capacity, sizeof(struct str)) =
          arena_str(arena, buf_str(&word));
  }
  buf_dispose(&word);
  if (rc == RC_OK) {
    *ret_words = words;
    *ret_count = count;
  }
  return rc;
}

int pod_images_add(struct pod_images *images, struct str text, struct str cwd, struct arena *arena,
                   struct err *err) {
  ptrdiff_t equals = str_find_char(text, '=');
  if (equals <= 0)
    return err_set(err, RC_USAGE, "--image: expected NAME=COMMAND, found \"%.*s\"", STR_ARG(text));
  struct pod_image image = {.name = arena_str(arena, str_slice(text, 0, (size_t)equals))};
  int rc = pod_words(str_slice(text, (size_t)equals + 1, text.len), arena, &image.argv,
                     &image.argv_count, err);
  if (rc != RC_OK)
    return err_wrap(err, rc, "--image %.*s", STR_ARG(image.name));
  if (image.argv_count == 0)
    return err_set(err, RC_USAGE, "--image %.*s: the command is empty", STR_ARG(image.name));
  struct str *first = &image.argv[0];
  if (str_find_char(*first, '/') > 0)
    *first = arena_printf(arena, "%.*s/%.*s", STR_ARG(cwd), STR_ARG(*first));
  for (size_t i = 0; i < images->count; i++)
    if (str_eq(images->items[i].name, image.name)) {
      images->items[i] = image;
      return RC_OK;
    }
  void *items = images->items;
  *(struct pod_image *)arena_push(arena, &items, &images->count, &images->capacity, sizeof image) =
      image;
  images->items = items;
  return RC_OK;
}

// Without "@sha256:..." and without ":tag"; a ':' before the last '/' belongs to the registry's
// port.
static struct str without_tag(struct str image) {
  ptrdiff_t at = str_find_char(image, '@');
  if (at >= 0)
    image = str_slice(image, 0, (size_t)at);
  for (size_t i = image.len; i > 0 && image.ptr[i - 1] != '/'; i--)
    if (image.ptr[i - 1] == ':')
      return str_slice(image, 0, i - 1);
  return image;
}

const struct pod_image *pod_images_find(const struct pod_images *images, struct str image) {
  for (size_t i = 0; i < images->count; i++)
    if (str_eq(images->items[i].name, image))
      return &images->items[i];
  struct str bare = without_tag(image);
  for (size_t i = 0; i < images->count; i++)
    if (str_eq(images->items[i].name, bare))
      return &images->items[i];
  return NULL;
}
