/* SPDX-License-Identifier: MIT
 *
 * The opcodes of Python's pickle format, protocols 0 to 5, as one table: reading, writing and
 * disassembling are made from it. Source: CPython's Lib/pickletools.py describes each.
 */
#ifndef MFI_OPCODES_H
#define MFI_OPCODES_H

/* X(name, code, argument, protocol that it came with) */
#define MFI_OPCODES(X)                                                                             \
    X(MARK, '(', NONE, 0)                                                                          \
    X(STOP, '.', NONE, 0)                                                                          \
    X(POP, '0', NONE, 0)                                                                           \
    X(POP_MARK, '1', NONE, 1)                                                                      \
    X(DUP, '2', NONE, 0)                                                                           \
    X(FLOAT, 'F', LINE_FLOAT, 0)                                                                   \
    X(BINFLOAT, 'G', FLOAT8, 1)                                                                    \
    X(INT, 'I', LINE_INT, 0)                                                                       \
    X(BININT, 'J', INT4, 1)                                                                        \
    X(BININT1, 'K', UINT1, 1)                                                                      \
    X(LONG, 'L', LINE_LONG, 0)                                                                     \
    X(BININT2, 'M', UINT2, 1)                                                                      \
    X(NONE, 'N', NONE, 0)                                                                          \
    X(PERSID, 'P', LINE, 0)                                                                        \
    X(BINPERSID, 'Q', NONE, 1)                                                                     \
    X(REDUCE, 'R', NONE, 0)                                                                        \
    X(STRING, 'S', LINE_QUOTED, 0)                                                                 \
    X(BINSTRING, 'T', STRING4, 1)                                                                  \
    X(SHORT_BINSTRING, 'U', STRING1, 1)                                                            \
    X(UNICODE, 'V', LINE_ESCAPED, 0)                                                               \
    X(BINUNICODE, 'X', TEXT4, 1)                                                                   \
    X(APPEND, 'a', NONE, 0)                                                                        \
    X(BUILD, 'b', NONE, 0)                                                                         \
    X(GLOBAL, 'c', LINE_PAIR, 0)                                                                   \
    X(DICT, 'd', NONE, 0)                                                                          \
    X(EMPTY_DICT, '}', NONE, 1)                                                                    \
    X(APPENDS, 'e', NONE, 1)                                                                       \
    X(GET, 'g', LINE_INT, 0)                                                                       \
    X(BINGET, 'h', UINT1, 1)                                                                       \
    X(INST, 'i', LINE_PAIR, 0)                                                                     \
    X(LONG_BINGET, 'j', UINT4, 1)                                                                  \
    X(LIST, 'l', NONE, 0)                                                                          \
    X(EMPTY_LIST, ']', NONE, 1)                                                                    \
    X(OBJ, 'o', NONE, 1)                                                                           \
    X(PUT, 'p', LINE_INT, 0)                                                                       \
    X(BINPUT, 'q', UINT1, 1)                                                                       \
    X(LONG_BINPUT, 'r', UINT4, 1)                                                                  \
    X(SETITEM, 's', NONE, 0)                                                                       \
    X(TUPLE, 't', NONE, 0)                                                                         \
    X(EMPTY_TUPLE, ')', NONE, 1)                                                                   \
    X(SETITEMS, 'u', NONE, 1)                                                                      \
    X(BINBYTES, 'B', BYTES4, 3)                                                                    \
    X(SHORT_BINBYTES, 'C', BYTES1, 3)                                                              \
    X(PROTO, 0x80, UINT1, 2)                                                                       \
    X(NEWOBJ, 0x81, NONE, 2)                                                                       \
    X(EXT1, 0x82, UINT1, 2)                                                                        \
    X(EXT2, 0x83, UINT2, 2)                                                                        \
    X(EXT4, 0x84, INT4, 2)                                                                         \
    X(TUPLE1, 0x85, NONE, 2)                                                                       \
    X(TUPLE2, 0x86, NONE, 2)                                                                       \
    X(TUPLE3, 0x87, NONE, 2)                                                                       \
    X(NEWTRUE, 0x88, NONE, 2)                                                                      \
    X(NEWFALSE, 0x89, NONE, 2)                                                                     \
    X(LONG1, 0x8a, LONG1, 2)                                                                       \
    X(LONG4, 0x8b, LONG4, 2)                                                                       \
    X(SHORT_BINUNICODE, 0x8c, TEXT1, 4)                                                            \
    X(BINUNICODE8, 0x8d, TEXT8, 4)                                                                 \
    X(BINBYTES8, 0x8e, BYTES8, 4)                                                                  \
    X(EMPTY_SET, 0x8f, NONE, 4)                                                                    \
    X(ADDITEMS, 0x90, NONE, 4)                                                                     \
    X(FROZENSET, 0x91, NONE, 4)                                                                    \
    X(NEWOBJ_EX, 0x92, NONE, 4)                                                                    \
    X(STACK_GLOBAL, 0x93, NONE, 4)                                                                 \
    X(MEMOIZE, 0x94, NONE, 4)                                                                      \
    X(FRAME, 0x95, UINT8, 4)                                                                       \
    X(BYTEARRAY8, 0x96, BYTEARRAY8, 5)                                                             \
    X(NEXT_BUFFER, 0x97, NONE, 5)                                                                  \
    X(READONLY_BUFFER, 0x98, NONE, 5)

enum mfi_opcode {
#define MFI_OPCODE_ENUM(name, code, argument, protocol) MFI_OP_##name = (code),
    MFI_OPCODES(MFI_OPCODE_ENUM)
#undef MFI_OPCODE_ENUM
};

/* What stands behind an opcode. LINE...: text up to a newline; else: a number of that many bytes,
 * or a length of that many bytes and what it tells. */
enum mfi_argument {
    MFI_ARG_NONE,
    MFI_ARG_UINT1,
    MFI_ARG_UINT2,
    MFI_ARG_UINT4,
    MFI_ARG_UINT8,
    MFI_ARG_INT4,
    MFI_ARG_FLOAT8,
    MFI_ARG_LONG1,
    MFI_ARG_LONG4,
    MFI_ARG_STRING1,
    MFI_ARG_STRING4,
    MFI_ARG_TEXT1,
    MFI_ARG_TEXT4,
    MFI_ARG_TEXT8,
    MFI_ARG_BYTES1,
    MFI_ARG_BYTES4,
    MFI_ARG_BYTES8,
    MFI_ARG_BYTEARRAY8,
    MFI_ARG_LINE,
    MFI_ARG_LINE_INT,
    MFI_ARG_LINE_LONG,
    MFI_ARG_LINE_FLOAT,
    MFI_ARG_LINE_QUOTED,
    MFI_ARG_LINE_ESCAPED,
    MFI_ARG_LINE_PAIR,
};

/* An opcode's name; NULL: it is none (decode.c). */
const char *mfi_opcode_name(int code);

#endif
