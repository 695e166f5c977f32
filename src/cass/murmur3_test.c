#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cass/murmur3.h"

extern const struct CMUnitTest murmur3_tests[];
extern const size_t murmur3_tests_count;

/* Tokens of random bytes, from Cassandra 5.0.9's Murmur3Partitioner. */
static const struct {
    const char *hex;
    int64_t token;
} known[] = {
    /* clang-format off */
    {"", INT64_MIN},
    {"99", INT64_C(-2045549667880237251)},
    {"1834", INT64_C(591949598291750098)},
    {"5a94c9", INT64_C(-5726282903635996215)},
    {"390b7702", INT64_C(-3978359989977780179)},
    {"09d32a595d", INT64_C(-1202164212849983043)},
    {"41f4b3e59247", INT64_C(-3246720259103567027)},
    {"05194bb55dcab3", INT64_C(-8097506793386224149)},
    {"0016175aa147e1f3", INT64_C(-8660161314456950563)},
    {"e98ee81edf7fae40bf", INT64_C(-1216583367601268625)},
    {"fced52b202e34d15e5c4", INT64_C(-6948717619686081326)},
    {"166fc2edcea4fb1b65e240", INT64_C(1327863885544025403)},
    {"e944b31d0705e6c8b71cf8bd", INT64_C(-5201563575873680068)},
    {"fc97c696693058b22edd1479f1", INT64_C(7018717777555900735)},
    {"e1c82141a6a46d99364cf461b317", INT64_C(-8927350919640485109)},
    {"ee614cc5a74b029f8f814e38d93995", INT64_C(-8672513694880236169)},
    {"94aa2150847891d75da8ddddc46434af", INT64_C(7241390637961018802)},
    {"eb50781ae04364f9b3a3f3707eab79470b", INT64_C(-8473649171146239693)},
    {"b66c499800da641a22a420ee9989ec985901", INT64_C(-6266990678006617371)},
    {"c9c38fbf7ae22a00a4174c64b5144dc69831c2", INT64_C(-864862601281902149)},
    {"e9f8c7dcb1c3a276da03c5c5347dd8728b234273", INT64_C(6698325292623534865)},
    {"149eb6e9bb0ff5f4111a021c9a0168a981181c9a32", INT64_C(7863233807301674510)},
    {"09395a3213018ebde232b69b463dffe94c73ba9c9960", INT64_C(-6219861498556749407)},
    {"6a214cc7b067f90295b0180a98eba8fce9bf8a819b01f5", INT64_C(-526369583377344094)},
    {"9ebc20efacd4d95a6166595aac5e505cd63fcdf74452a17e", INT64_C(8748680079378928212)},
    {"daf2ce71419a6512500fcbc182e1ef30721c8d57fcee80eefd", INT64_C(7135973106365840654)},
    {"65535585b7631557828266251de9a5922a08574138340c697fa9", INT64_C(805410740384485394)},
    {"f2e1e031eefc636a590b94b3ede70bfeb7c6e8d2988f49d867b833", INT64_C(6408822657321461979)},
    {"96310e56cf20194df51cd6eaec0958b9d72ecb53418e134a23dd84dc", INT64_C(4704698969682318136)},
    {"437cb251a58953f96424e7bd33a2e0636ebdbbc1d586f9d6d6c93e220a", INT64_C(2958224404287087348)},
    {"261aba5c976f7d07b2bbc679878c62d4332819cc438fd8e801b24847eafa", INT64_C(-434119482948917610)},
    {"fe41e1be58c9936f70570198736d008963a7f2f0c00be3754308a9a9492a58", INT64_C(5751971151577378236)},
    {"cc5791c758218f6b8a0cd56d9d78ff727bf90b64b0a84b5491c1f5840f7f8dc0", INT64_C(2857805379492138298)},
    {"2662199f0e33af179c6689465024424cc8942db5b9cfdf14d380620108d6bbd2b5", INT64_C(8307266896863365959)},
    {"738766847b0a5cf9f95908d5ef4d8c7c468cc00866e1c466630d8f49b86270688321", INT64_C(-3171650986202090688)},
    {"ac286f32aa3655aa684e0f850780a35a9b91e79e364d03868055d669c03accc8ebbf23", INT64_C(6664045282213973900)},
    {"9a5b1c6efe5aeed36fe78d7e363d36f4f7df46f0f2420dd8af0ff55ca6af8911a2ce983c", INT64_C(1504695036442979341)},
    {"516a62a235ae3be7ef470cd1049bce150848321a58bc3495809acf39c16a6fb4548b627bd3", INT64_C(-1505161371440674725)},
    {"f45730c31cd75ed1504b79caca281736ce98dcc79ae07e29cf1ba7340a6051cb66b0462ee4f8", INT64_C(-1201669586097996828)},
    {"6b1b9d4e95058b2b1dbb7de2f1467ff4dd4e6d675c277308d75b44e764896d8c8fddc4094ed8d8", INT64_C(2920027039039137376)},
    /* clang-format on */
};

static size_t unhex(const char *hex, uint8_t *out) {
    size_t len = strlen(hex) / 2;
    for (size_t i = 0; i < len; i++) {
        unsigned digits[2];
        for (int j = 0; j < 2; j++) {
            char c = hex[2 * i + (size_t)j];
            digits[j] = (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
        }
        out[i] = (uint8_t)(digits[0] << 4 | digits[1]);
    }
    return len;
}

static void tokens_are_cassandras(void **state) {
    (void)state;
    uint8_t bytes[128];
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        size_t len = unhex(known[i].hex, bytes + i % 8); /* unaligned as well */
        assert_int_equal(cass_murmur3_token(bytes + i % 8, len), known[i].token);
    }
}

static void partition_keys(void **state) {
    (void)state;
    struct strbuf key = {0};
    struct error err;
    assert_int_equal(cass_partition_key_add(&key, 1, str_from("abc"), &err), STATUS_OK);
    assert_true(str_equal(strbuf_str(&key), str_from("abc")));
    struct str part;
    assert_true(cass_partition_key_part(strbuf_str(&key), 1, 0, &part));
    assert_true(str_equal(part, str_from("abc")));

    strbuf_clear(&key);
    assert_int_equal(cass_partition_key_add(&key, 2, str_from("abc"), &err), STATUS_OK);
    assert_int_equal(cass_partition_key_add(&key, 2, str_from(""), &err), STATUS_OK);
    assert_true(str_equal(strbuf_str(&key), (struct str){"\0\3abc\0\0\0\0", 9}));
    assert_true(cass_partition_key_part(strbuf_str(&key), 2, 0, &part));
    assert_true(str_equal(part, str_from("abc")));
    assert_true(cass_partition_key_part(strbuf_str(&key), 2, 1, &part));
    assert_int_equal(part.len, 0);
    for (size_t len = 0; len < key.len; len++)
        assert_false(cass_partition_key_part((struct str){key.data, len}, 2, 1, &part));

    strbuf_clear(&key);
    char *big = xcalloc(1, CASS_KEY_MAX_BYTES + 1);
    assert_int_equal(cass_partition_key_add(&key, 1, (struct str){big, CASS_KEY_MAX_BYTES + 1}, &err),
                     STATUS_LIMIT_EXCEEDED);
    assert_int_equal(cass_partition_key_add(&key, 2, (struct str){big, 40000}, &err), STATUS_OK);
    assert_int_equal(cass_partition_key_add(&key, 2, (struct str){big, 40000}, &err), STATUS_LIMIT_EXCEEDED);
    free(big);
    strbuf_free(&key);
}

const struct CMUnitTest murmur3_tests[] = {
    cmocka_unit_test(tokens_are_cassandras),
    cmocka_unit_test(partition_keys),
};
const size_t murmur3_tests_count = sizeof murmur3_tests / sizeof *murmur3_tests;
