// SPDX-License-Identifier: Apache-2.0
// llhttp as a second reader: a head that ours accepts must be one to it, too, with the same fields
// and the same end. It may refuse less and never more.
#pragma once

#include "proxy/head.h"

// bytes[0..head_len): the head as it came; *head: what was read of it, unchanged since.
void oracle_check_head(bool is_response, const char *bytes, size_t head_len,
                       const struct head *head);
