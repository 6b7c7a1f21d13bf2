// SPDX-License-Identifier: Apache-2.0
// Kind -> reference page in Markdown: every field with type, default, bounds and meaning. docs/
// pages are written with it.
#pragma once

#include "manifests/base/buf.h"
#include "manifests/base/rc.h"
#include "manifests/schema/kind.h"

int docs_kind(struct buf *out, const struct kind_desc *kind);
