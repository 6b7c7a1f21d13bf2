// SPDX-License-Identifier: Apache-2.0
// How client connections end: at once, after an answer that must arrive, with a refusal, or many of
// them when the worker drains or runs short of descriptors.
#pragma once

#include "proxy/table.h"

struct connection;
struct worker;

// Closes; `reset`: so that the client cannot take what it got for a whole answer. No exchange may
// run.
void connection_end_now(struct connection *connection, bool reset);
// Ends after an answer: what the client still sends is read and dropped for a moment, because
// closing over unread bytes makes the kernel send a reset, and the answer would be lost with it.
void connection_end_linger(struct connection *connection);
// Ends our side once all is written.
void connection_end_writing(struct connection *connection);
// Answers what is no request (there is no exchange and no route) and ends.
void connection_end_refuse(struct connection *connection, int status, struct str details);

// Drain: idle connections end (`now`), or soon; others end with their next answer.
void connection_end_drain(struct worker *worker, bool now);
// What a listener that is gone accepted ends after the request it is busy with, or soon.
void connection_end_listener(struct worker *worker, struct table_slot slot);
// Descriptors are short: ends some idle connections, the oldest ones.
void connection_end_some(struct worker *worker);
void connection_end_all(struct worker *worker);
void connection_end_free(struct worker *worker); // after the loop has ended
