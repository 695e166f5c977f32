#include "types/time.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

extern const struct CMUnitTest time_tests[];
extern const size_t time_tests_count;

/* clang-format off */
/* Computed with java.time. */
static const struct {
    int64_t micros;
    const char *zone;
    int64_t to_local, to_utc;
} zone_cases[] = {
    {INT64_C(2531958582000000), "Europe/Berlin", INT64_C(2531965782000000), INT64_C(2531954982000000)},
    {INT64_C(1245110400000000), "Asia/Kolkata", INT64_C(1245130200000000), INT64_C(1245090600000000)},
    {INT64_C(352221832000000), "Australia/Lord_Howe", INT64_C(352259632000000), INT64_C(352185832000000)},
    {INT64_C(1763600672022391), "Asia/Kolkata", INT64_C(1763620472022391), INT64_C(1763580872022391)},
    {INT64_C(1212284364000002), "Africa/Casablanca", INT64_C(1212287964000002), INT64_C(1212280764000002)},
    {INT64_C(2152143438000000), "America/New_York", INT64_C(2152125438000000), INT64_C(2152161438000000)},
    {INT64_C(2435011200000001), "GMT+8", INT64_C(2435040000000001), INT64_C(2434982400000001)},
    {INT64_C(1212284498000001), "Africa/Casablanca", INT64_C(1212288098000001), INT64_C(1212280898000001)},
    {INT64_C(793690168373603), "GMT+8", INT64_C(793718968373603), INT64_C(793661368373603)},
    {INT64_C(317779199999999), "UTC", INT64_C(317779199999999), INT64_C(317779199999999)},
    {INT64_C(1577190451584803), "Africa/Casablanca", INT64_C(1577194051584803), INT64_C(1577186851584803)},
    {INT64_C(1234284035174111), "Europe/London", INT64_C(1234284035174111), INT64_C(1234284035174111)},
    {INT64_C(78728514124544629), "Africa/Casablanca", INT64_C(78728517724544629), INT64_C(78728510524544629)},
    {INT64_C(224218346351575845), "GMT+8", INT64_C(224218375151575845), INT64_C(224218317551575845)},
    {INT64_C(503302275780710), "-03:30", INT64_C(503289675780710), INT64_C(503314875780710)},
    {INT64_C(1087604620311807), "UTC", INT64_C(1087604620311807), INT64_C(1087604620311807)},
    {INT64_C(2358988557000000), "Australia/Lord_Howe", INT64_C(2359028157000000), INT64_C(2358948957000000)},
    {INT64_C(-1773015070999998), "Africa/Casablanca", INT64_C(-1773016890999998), INT64_C(-1773013250999998)},
    {INT64_C(82339029675838147), "UTC", INT64_C(82339029675838147), INT64_C(82339029675838147)},
    {INT64_C(2261007143000002), "Africa/Casablanca", INT64_C(2261010743000002), INT64_C(2261003543000002)},
    {INT64_C(442972800000001), "GMT+8", INT64_C(443001600000001), INT64_C(442944000000001)},
    {INT64_C(54700285147718367), "-03:30", INT64_C(54700272547718367), INT64_C(54700297747718367)},
    {INT64_C(-195436242000000), "America/Sao_Paulo", INT64_C(-195447042000000), INT64_C(-195425442000000)},
    {INT64_C(2240697599999999), "Asia/Kolkata", INT64_C(2240717399999999), INT64_C(2240677799999999)},
    {INT64_C(678154223356023), "Asia/Kolkata", INT64_C(678174023356023), INT64_C(678134423356023)},
    {INT64_C(22587400400910695), "UTC", INT64_C(22587400400910695), INT64_C(22587400400910695)},
    {INT64_C(99303725201632031), "Australia/Lord_Howe", INT64_C(99303764801632031), INT64_C(99303685601632031)},
    {INT64_C(1167541630199419), "America/New_York", INT64_C(1167523630199419), INT64_C(1167559630199419)},
    {INT64_C(533588616211681), "Asia/Kolkata", INT64_C(533608416211681), INT64_C(533568816211681)},
    {INT64_C(1513555200000001), "UTC", INT64_C(1513555200000001), INT64_C(1513555200000001)},
    {INT64_C(242002566307664249), "Asia/Kolkata", INT64_C(242002586107664249), INT64_C(242002546507664249)},
    {INT64_C(318674197005799), "Europe/London", INT64_C(318674197005799), INT64_C(318674197005799)},
    {INT64_C(1578150699329443), "Asia/Kolkata", INT64_C(1578170499329443), INT64_C(1578130899329443)},
    {INT64_C(1964041217000000), "Europe/London", INT64_C(1964041217000000), INT64_C(1964041217000000)},
    {INT64_C(-8524894149931038), "Europe/London", INT64_C(-8524894224931038), INT64_C(-8524894074931038)},
    {INT64_C(1983225600000000), "Asia/Shanghai", INT64_C(1983254400000000), INT64_C(1983196800000000)},
    {INT64_C(972786705000002), "Europe/Berlin", INT64_C(972790305000002), INT64_C(972779505000002)},
    {INT64_C(1301794567000001), "Africa/Casablanca", INT64_C(1301798167000001), INT64_C(1301790967000001)},
    {INT64_C(1035328445798029), "Europe/Berlin", INT64_C(1035335645798029), INT64_C(1035321245798029)},
    {INT64_C(1948928029000000), "Australia/Lord_Howe", INT64_C(1948967629000000), INT64_C(1948890229000000)},
    {INT64_C(2373926399999999), "UTC", INT64_C(2373926399999999), INT64_C(2373926399999999)},
    {INT64_C(352210280000001), "Australia/Lord_Howe", INT64_C(352246280000001), INT64_C(352174280000001)},
    {INT64_C(472282898768959), "-03:30", INT64_C(472270298768959), INT64_C(472295498768959)},
    {INT64_C(134803429354679149), "Asia/Kolkata", INT64_C(134803449154679149), INT64_C(134803409554679149)},
    {INT64_C(229051443011469612), "Pacific/Apia", INT64_C(229051489811469612), INT64_C(229051396211469612)},
    {INT64_C(110413213333838490), "GMT+8", INT64_C(110413242133838490), INT64_C(110413184533838490)},
    {INT64_C(1285503414000001), "Pacific/Apia", INT64_C(1285467414000001), INT64_C(1285539414000001)},
    {INT64_C(69880233759102394), "Africa/Casablanca", INT64_C(69880237359102394), INT64_C(69880230159102394)},
    {INT64_C(-3645238789999999), "Asia/Kolkata", INT64_C(-3645217581999999), INT64_C(-3645259997999999)},
    {INT64_C(1710055800000000), "America/New_York", INT64_C(1710041400000000), INT64_C(1710070200000000)},
    /* 02:30 in the gap of 2024-03-10 is moved to 03:30; 01:30 of 2024-11-03 is the first of the two */
    {INT64_C(1710037800000000), "America/New_York", INT64_C(1710019800000000), INT64_C(1710055800000000)},
    {INT64_C(1730597400000000), "America/New_York", INT64_C(1730583000000000), INT64_C(1730611800000000)},
};
static const struct {
    int64_t micros;
    const char *pattern, *text;
} pattern_cases[] = {
    {INT64_C(33300023320113267), "yyyyMMddHHmmss", "30250327222840"},
    {INT64_C(133650952468482170), "EEE, d MMM yyyy h:mm a", "Tue, 26 Mar 6205 12:34 AM"},
    {INT64_C(1192034082252576), "uuuu/M/d[ H]", "2007/10/10 16"},
    {INT64_C(85437714513448233), "EEEE dd MMMM yy K:m:s", "Thursday 31 May 77 10:28:33"},
    {INT64_C(-18027489711368278), "yyyy-MM-dd HH:mm:ss.SSS", "1398-09-24 11:58:08.631"},
    {INT64_C(-765763200000000), "EEE, d MMM yyyy h:mm a", "Wed, 26 Sep 1945 12:00 AM"},
    {INT64_C(67083836555099545), "yyyy-MM-dd HH:mm:ss.SSS", "4095-10-20 07:02:35.099"},
    {INT64_C(81821835201536981), "yyyy-MM-dd HH:mm:ss.SSS", "4562-10-30 23:33:21.536"},
    {INT64_C(-10383603273751306), "EEEE dd MMMM yy K:m:s", "Saturday 15 December 40 9:45:26"},
    {INT64_C(195791005422142931), "EEEE dd MMMM yy K:m:s", "Sunday 15 May 74 2:23:42"},
    {INT64_C(28792012140349226), "D DDD k kk Q QQ", "139 139 21 21 2 02"},
    {INT64_C(902361600000001), "X XX XXX x xx xxx Z ZZZZZ", "Z Z Z +00 +0000 +00:00 +0000 Z"},
    {INT64_C(219984200959723558), "EEEE dd MMMM yy K:m:s", "Sunday 08 January 41 10:29:19"},
    {INT64_C(9425481471133710), "E L LL LLL", "Sun 9 09 Sep"},
    {INT64_C(845693976271748), "yyyy-MM-dd HH:mm:ss.SSS", "1996-10-19 02:59:36.271"},
    {INT64_C(7231115444313791), "EEEE dd MMMM yy K:m:s", "Friday 22 February 99 11:10:44"},
    {INT64_C(176059972915183067), "D DDD k kk Q QQ", "44 044 4 04 1 01"},
    {INT64_C(1069113600000000), "EEEE dd MMMM yy K:m:s", "Tuesday 18 November 03 0:0:0"},
    {INT64_C(40425301803569114), "uuuu/M/d[ H]", "3251/1/10 10"},
    {INT64_C(1787011200000000), "EEE, d MMM yyyy h:mm a", "Tue, 18 Aug 2026 12:00 AM"},
    {INT64_C(1436832000000001), "yyyyMMddHHmmss", "20150714000000"},
    {INT64_C(1174405912780942), "E L LL LLL", "Tue 3 03 Mar"},
    {INT64_C(924558838682825), "yyyyMMddHHmmss", "19990419215358"},
    {INT64_C(1848375691205089), "yyyy-MM-dd HH:mm:ss.SSS", "2028-07-28 05:41:31.205"},
    {INT64_C(-50962314947630515), "D DDD k kk Q QQ", "26 026 9 09 1 01"},
    {INT64_C(-127267200000001), "yyyyMMddHHmmss", "19651219235959"},
    {INT64_C(46388116377192978), "yyyy-MM-dd HH:mm:ss.SSS", "3439-12-25 11:52:57.192"},
    {INT64_C(1380288547714112), "yyyyMMddHHmmss", "20130927132907"},
    {INT64_C(-523238399999999), "EEE, d MMM yyyy h:mm a", "Wed, 3 Jun 1953 12:00 AM"},
    {INT64_C(1174356985402170), "uuuu/M/d[ H]", "2007/3/20 2"},
    {INT64_C(322431356165383), "EEE, d MMM yyyy h:mm a", "Thu, 20 Mar 1980 8:15 PM"},
    {INT64_C(137193471554647843), "D DDD k kk Q QQ", "179 179 9 09 2 02"},
    {INT64_C(171006026450584196), "EEE, d MMM yyyy h:mm a", "Thu, 18 Dec 7388 10:00 AM"},
    {INT64_C(758330990708549), "yyyyMMddHHmmss", "19940111232950"},
    {INT64_C(2188943999999999), "E L LL LLL", "Fri 5 05 May"},
    {INT64_C(46694425477387156), "yyyyMMddHHmmss", "34490908174437"},
    {INT64_C(-21790364187666020), "EEEE dd MMMM yy K:m:s", "Wednesday 28 June 79 5:3:32"},
    {INT64_C(160852261818814348), "D DDD k kk Q QQ", "75 075 23 23 1 01"},
    {INT64_C(221165412859777988), "EEEE dd MMMM yy K:m:s", "Sunday 14 June 78 8:54:19"},
    {INT64_C(1990657420027362), "E L LL LLL", "Sun 1 01 Jan"},
    {INT64_C(418089600000001), "yyyyMMddHHmmss", "19830402000000"},
    {INT64_C(110571536658004889), "uuuu/M/d[ H]", "5473/11/15 3"},
    {INT64_C(1856304000000001), "E L LL LLL", "Sat 10 10 Oct"},
    {INT64_C(-42801251939369388), "yyyy-MM-dd HH:mm:ss.SSS", "0613-09-07 03:21:00.630"},
    {INT64_C(-4420761943416029), "uuuu/M/d[ H]", "1829/11/29 18"},
    {INT64_C(1285771167988386), "D DDD k kk Q QQ", "272 272 14 14 3 03"},
    {INT64_C(-202176000000001), "E L LL LLL", "Mon 8 08 Aug"},
    {INT64_C(150879673535269972), "EEEE dd MMMM yy K:m:s", "Saturday 10 March 51 0:25:35"},
    {INT64_C(-173923199999999), "uuuu/M/d[ H]", "1964/6/28 0"},
    {INT64_C(-50181472892570657), "E L LL LLL", "Wed 10 10 Oct"},
    {INT64_C(1613593253281111), "yyyyMMddHHmmss", "20210217202053"},
    {INT64_C(40843845903261231), "yyyyMMddHHmmss", "32640415164503"},
    {INT64_C(1911821246582028), "EEE, d MMM yyyy h:mm a", "Thu, 1 Aug 2030 1:27 PM"},
    {INT64_C(189384530997331410), "EEE, d MMM yyyy h:mm a", "Tue, 11 May 7971 2:09 PM"},
};
static const struct {
    int64_t micros;
    int fields[10]; /* year month day day-of-year week week-year iso-weekday hour minute second */
} field_cases[] = {
    {INT64_C(214796760263995032), {8776,8,21,234,34,8776,6,14,44,23}},
    {INT64_C(-137306065879095993), {-2382,12,11,345,50,-2382,2,10,8,40}},
    {INT64_C(41480499851318551), {3284,6,18,170,24,3284,7,9,4,11}},
    {INT64_C(925344000000000), {1999,4,29,119,17,1999,4,0,0,0}},
    {INT64_C(-672132046254492), {1948,9,13,257,38,1948,1,16,39,13}},
    {INT64_C(-436752000000001), {1956,2,28,59,9,1956,2,23,59,59}},
    {INT64_C(1402809859852057), {2014,6,15,166,24,2014,7,5,24,19}},
    {INT64_C(416153624010801), {1983,3,10,69,10,1983,4,14,13,44}},
    {INT64_C(1290835408844511), {2010,11,27,331,47,2010,6,5,23,28}},
    {INT64_C(1450137599999999), {2015,12,14,348,51,2015,1,23,59,59}},
    {INT64_C(1036800000000), {1970,1,13,13,3,1970,2,0,0,0}},
    {INT64_C(-1995512947767004970), {-61266,9,18,261,38,-61266,2,7,50,32}},
    {INT64_C(-324547156768638003), {-8315,7,5,186,27,-8315,4,4,0,31}},
    {INT64_C(906335374837826617), {30690,8,16,228,33,30690,6,18,20,37}},
    {INT64_C(1839207104853450), {2028,4,13,104,15,2028,4,2,51,44}},
    {INT64_C(195412043259614978), {8162,5,12,132,19,8162,3,11,7,39}},
    {INT64_C(517151387796480), {1986,5,22,142,21,1986,4,13,9,47}},
    {INT64_C(2525040000000001), {2050,1,6,6,1,2050,4,0,0,0}},
    {INT64_C(1912574226384734), {2030,8,10,222,32,2030,6,6,37,6}},
    {INT64_C(933033600000001), {1999,7,27,208,30,1999,2,0,0,0}},
    {INT64_C(-386380799999999), {1957,10,4,277,40,1957,5,0,0,0}},
    {INT64_C(155148730763253997), {6886,6,19,170,25,6886,3,21,39,23}},
    {INT64_C(-2064937678226641425), {-63466,9,24,267,38,-63466,5,8,29,33}},
    {INT64_C(1890597472596795141), {61880,8,25,238,35,61880,3,4,36,36}},
    {INT64_C(100711992327156424), {5161,6,9,160,23,5161,5,1,25,27}},
    {INT64_C(169029889374767707), {7326,5,6,126,19,7326,1,11,2,54}},
    {INT64_C(1393793979136360), {2014,3,2,61,9,2014,7,20,59,39}},
    {INT64_C(179345438681358363), {7653,3,25,84,13,7653,2,9,24,41}},
    {INT64_C(1160910985064727), {2006,10,15,288,41,2006,7,11,16,25}},
    {INT64_C(-38029248631887929), {764,11,25,330,48,764,3,15,49,28}},
    {INT64_C(1966540734315182), {2032,4,25,116,17,2032,7,21,18,54}},
    {INT64_C(2574547200000000), {2051,8,2,214,31,2051,3,0,0,0}},
    {INT64_C(-341366400000000), {1959,3,9,68,11,1959,1,0,0,0}},
    {INT64_C(162057268990100167), {7105,5,23,143,21,7105,2,20,3,10}},
    {INT64_C(-1029743997892702082), {-30662,9,17,260,38,-30662,3,16,35,7}},
    {INT64_C(147861390341949669), {6655,7,17,198,29,6655,2,16,25,41}},
    {INT64_C(302818393040932), {1979,8,6,218,32,1979,1,20,13,13}},
    {INT64_C(2500934400000001), {2049,4,2,92,13,2049,5,0,0,0}},
    {INT64_C(1050623999999999), {2003,4,17,107,16,2003,4,23,59,59}},
    {INT64_C(1669852800000001), {2022,12,1,335,48,2022,4,0,0,0}},
    {INT64_C(203126400000000), {1976,6,9,161,24,1976,3,0,0,0}},
    {INT64_C(1427106927094764956), {47193,3,21,80,11,47193,7,6,51,34}},
    {INT64_C(-631971995776068143), {-18057,8,10,222,32,-18057,2,7,23,43}},
    {INT64_C(1516490186934581475), {50025,8,29,241,35,50025,5,18,8,54}},
    {INT64_C(1587246624430436), {2020,4,18,109,16,2020,6,21,50,24}},
    {INT64_C(1553176068116650653), {51188,3,10,70,10,51188,4,20,41,56}},
    {INT64_C(1380698971900462), {2013,10,2,275,40,2013,3,7,29,31}},
    {INT64_C(1155686866373544), {2006,8,16,228,33,2006,3,0,7,46}},
    {INT64_C(1912550399999999), {2030,8,9,221,32,2030,5,23,59,59}},
    {INT64_C(-259718400000000), {1961,10,9,282,41,1961,1,0,0,0}},
};
/* clang-format on */

static int64_t at(const char *text) {
    int64_t micros;
    if (!timestamp_parse(str_from(text), 6, NULL, &micros)) fail_msg("%s", text);
    return micros;
}

static void fields(void **state) {
    (void)state;
    static const enum time_unit units[] = {UNIT_YEAR,    UNIT_MONTH,  UNIT_DAY,  UNIT_DOY,    UNIT_WEEK,
                                           UNIT_ISOYEAR, UNIT_ISODOW, UNIT_HOUR, UNIT_MINUTE, UNIT_SECOND};
    for (size_t i = 0; i < sizeof field_cases / sizeof *field_cases; i++)
        for (int k = 0; k < 10; k++)
            assert_int_equal(timestamp_extract(field_cases[i].micros, units[k]), field_cases[i].fields[k]);
    int64_t t = at("2024-03-10 11:12:13.456789");
    assert_int_equal(timestamp_extract(t, UNIT_DOW), 1); /* a Sunday */
    assert_int_equal(timestamp_extract(t, UNIT_QUARTER), 1);
    assert_int_equal(timestamp_extract(t, UNIT_MILLISECOND), 456);
    assert_int_equal(timestamp_extract(t, UNIT_MICROSECOND), 456789);
    assert_int_equal(timestamp_extract(t, UNIT_NANOSECOND), 456789000);
    assert_int_equal(timestamp_extract(t, UNIT_DECADE), 202);
    assert_int_equal(timestamp_extract(t, UNIT_CENTURY), 21);
    assert_int_equal(timestamp_extract(t, UNIT_MILLENNIUM), 3);
    assert_int_equal(timestamp_extract(at("2000-12-31"), UNIT_CENTURY), 20);
    assert_int_equal(timestamp_extract(-1, UNIT_EPOCH), -1);
    assert_int_equal(timestamp_extract(at("1969-12-31 23:59:59"), UNIT_SECOND), 59);
}

static void civil(void **state) {
    (void)state;
    int32_t days = 7, year, month, day;
    assert_true(date_from_civil(1970, 1, 1, &days) && days == 0);
    assert_true(date_from_civil(2000, 2, 29, &days) && days == 11016);
    assert_true(date_from_civil(1, 1, 1, &days) && days == -719162);
    days = 7;
    assert_false(date_from_civil(1900, 2, 29, &days) || date_from_civil(2023, 4, 31, &days) ||
                 date_from_civil(2023, 13, 1, &days) || date_from_civil(2023, 0, 1, &days) ||
                 date_from_civil(2023, 1, 0, &days) || date_from_civil(INT32_MAX, 1, 1, &days));
    assert_int_equal(days, 7);
    for (int64_t d = INT32_MIN; d <= INT32_MAX; d += 7654321) {
        date_to_civil((int32_t)d, &year, &month, &day);
        assert_true(date_from_civil(year, month, day, &days));
        assert_int_equal(days, d);
    }
    date_to_civil(INT32_MAX, &year, &month, &day);
    assert_true(date_from_civil(year, month, day, &days) && days == INT32_MAX);
}

static void timestamp_texts(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int precision;
        int64_t value;
    } good[] = {
        {"1970-01-01 00:00:00", 0, 0},
        {"1970-01-01T00:00:01.5", 3, 1500000},
        {"1970-01-01 00:00:00.123456789", 3, 123000},
        {"1970-01-01 00:00:00.123456789", 6, 123456},
        {"1970-01-01 00:00:00.123456789", 9, 123456789},
        {"1970-01-01 00:00:00.123456789", 7, 123456700},
        {"1970-01-01 00:00:00.1234567891234", 9, 123456789},
        {"1969-12-31 23:59:59.999999", 6, -1},
        {"1969-12-31 23:59:59.999999", 5, -10},
        {"1970-1-2 3:4:5", 6, INT64_C(97445000000)},
        {" 1970-01-02 ", 6, MICROS_PER_DAY},
        {"1970-01-01 01:00", 6, INT64_C(3600000000)},
        {"1970-01-01   02", 6, INT64_C(7200000000)},
        {"1970-01-01T01:00:00Z", 6, INT64_C(3600000000)},
        {"1970-01-01 01:00:00+01:00", 6, 0},
        {"1970-01-01 01:00:00 -0130", 6, INT64_C(9000000000)},
        {"1970-01-01 01:00:00 UTC", 6, INT64_C(3600000000)},
        {"1970", 6, 0},
        {"1970-02", 6, 31 * MICROS_PER_DAY},
        {"0001-01-01 00:00:00", 6, INT64_C(-62135596800000000)},
        {"9999-12-31 23:59:59.999999", 6, INT64_C(253402300799999999)},
        {"1677-09-21 00:12:43.145224193", 9, INT64_MIN + 1},
        {"2262-04-11 23:47:16.854775807", 9, INT64_MAX},
        {"+10000-01-01 00:00:00", 0, INT64_C(253402300800000000)},
        {"-0001-12-31 23:59:59", 0, INT64_C(-62167219201000000)},
        {"+294247-01-10 04:00:54.775807", 6, INT64_MAX},
        {"-290308-12-21 19:59:05.224192Z", 6, INT64_MIN},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        int64_t value;
        if (!timestamp_parse(str_from(good[i].text), good[i].precision, NULL, &value)) fail_msg("%s", good[i].text);
        assert_int_equal(value, good[i].value);
    }
    static const char *const bad[] = {
        "",
        " ",
        "x",
        "2024-13-01",
        "2024-02-30",
        "2023-02-29 00:00:00",
        "2024-01-01 24:00:00",
        "2024-01-01 00:60:00",
        "2024-01-01 00:00:60",
        "2024-01-01 00:00:00.",
        "2024-01-01 00:00:00x",
        "2024-01-01_00:00:00",
        "24-01-01",
        "0000-01-01",
        "20240-01-01",
        "2024-001-01",
        "2024-01-001",
        "-024-01-01",
        "-0000-01-01",
        "+2024-01-01",
        "+09999-01-01",
        "--2024-01-01",
        "-12345678-01-01",
        "+294247-01-10 04:00:54.775808",
        "+5000000-01-01",
        "2024-01-01 ",
        "2024/01/01",
        "2024-01-01 00:00:00.12a",
        "2024-01-01 00:00:00+19:00",
        "2024-01-01 00:00:00+1:5",
        "2024-01-01 1:2:3:4",
        "2024-01-0100:00:00",
        "2024-01-01 00:0a:00",
        "2024--1-01",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int64_t value = 77;
        bool parsed = timestamp_parse(str_from(bad[i]), 6, NULL, &value);
        if (parsed != (strcmp(bad[i], "2024-01-01 ") == 0)) fail_msg("'%s'", bad[i]);
        if (!parsed) assert_int_equal(value, 77);
    }
    int64_t value = 77;
    assert_false(timestamp_parse(str_from("2262-04-11 23:47:16.854775808"), 9, NULL, &value));
    assert_false(timestamp_parse(str_from("1600-01-01 00:00:00"), 9, NULL, &value));
    assert_int_equal(value, 77);

    static const struct {
        int64_t value;
        int precision;
        const char *text;
    } formats[] = {
        {0, 0, "1970-01-01 00:00:00"},
        {-1, 6, "1969-12-31 23:59:59.999999"},
        {-1, 3, "1969-12-31 23:59:59.999"},
        {-1, 9, "1969-12-31 23:59:59.999999999"},
        {1500, 3, "1970-01-01 00:00:00.001"},
        {1500, 4, "1970-01-01 00:00:00.0015"},
        {INT64_C(253402300800000000), 0, "+10000-01-01 00:00:00"},
        {INT64_C(-62167219200000001), 0, "-0001-12-31 23:59:59"},
        {INT64_MAX, 6, "+294247-01-10 04:00:54.775807"},
        {INT64_MIN, 6, "-290308-12-21 19:59:05.224192"},
        {INT64_MIN, 9, "1677-09-21 00:12:43.145224192"},
    };
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        char text[TIME_MAX_TEXT];
        assert_int_equal(timestamp_format(formats[i].value, formats[i].precision, text), strlen(formats[i].text));
        assert_string_equal(text, formats[i].text);
    }
}

static void dates_and_times(void **state) {
    (void)state;
    int32_t days = 5;
    int64_t nanos = 5;
    char text[TIME_MAX_TEXT];
    assert_true(date_parse(str_from("2024-02-29"), &days) && days == 19782);
    assert_true(date_parse(str_from(" 2024-2-29 10:11:12.5"), &days) && days == 19782);
    assert_true(date_parse(str_from("2024-02-29T10"), &days) && days == 19782);
    days = 5;
    assert_false(date_parse(str_from("2024-02-29 25:00"), &days) || date_parse(str_from("2024-02-29x"), &days) ||
                 date_parse(str_from(""), &days) || date_parse(str_from("2024-02-29 10:00Z"), &days));
    assert_int_equal(days, 5);
    assert_int_equal(date_format(19782, text), 10);
    assert_string_equal(text, "2024-02-29");
    assert_true(time_parse(str_from("10:11:12.000000001"), &nanos) && nanos == INT64_C(36672000000001));
    assert_true(time_parse(str_from(" 1:2 "), &nanos) && nanos == 3720 * NANOS_PER_SECOND);
    nanos = 5;
    assert_false(time_parse(str_from("24:00"), &nanos) || time_parse(str_from("1:2:3:4"), &nanos) ||
                 time_parse(str_from("1:"), &nanos) || time_parse(str_from("-1:00"), &nanos));
    assert_int_equal(nanos, 5);
    time_format(INT64_C(36672000000001), 9, text);
    assert_string_equal(text, "10:11:12.000000001");
    time_format(INT64_C(36672999999999), 0, text);
    assert_string_equal(text, "10:11:12");
}

static void intervals(void **state) {
    (void)state;
    static const struct {
        const char *text;
        enum time_unit first, last;
        int64_t value;
        const char *shown;
    } good[] = {
        {"10", UNIT_SECOND, UNIT_SECOND, 10000, "+0 00:00:10.000"},
        {"-1.25", UNIT_SECOND, UNIT_SECOND, -1250, "-0 00:00:01.250"},
        {" + 5 ", UNIT_MINUTE, UNIT_MINUTE, 300000, "+0 00:05:00.000"},
        {"2", UNIT_WEEK, UNIT_WEEK, 14 * MILLIS_PER_DAY, "+14 00:00:00.000"},
        {"100", UNIT_DAY, UNIT_DAY, 100 * MILLIS_PER_DAY, "+100 00:00:00.000"},
        {"7", UNIT_MILLISECOND, UNIT_MILLISECOND, 7, "+0 00:00:00.007"},
        {"1 02", UNIT_DAY, UNIT_HOUR, 93600000, "+1 02:00:00.000"},
        {"1 02:03", UNIT_DAY, UNIT_MINUTE, 93780000, "+1 02:03:00.000"},
        {"-1 02:03:04.5", UNIT_DAY, UNIT_SECOND, -93784500, "-1 02:03:04.500"},
        {"30:10", UNIT_HOUR, UNIT_MINUTE, 108600000, "+1 06:10:00.000"},
        {"1:2:3", UNIT_HOUR, UNIT_SECOND, 3723000, "+0 01:02:03.000"},
        {"90:05.1239", UNIT_MINUTE, UNIT_SECOND, 5405123, "+0 01:30:05.123"},
        {"1-2", UNIT_YEAR, UNIT_MONTH, 14, "+1-02"},
        {"-1-2", UNIT_YEAR, UNIT_MONTH, -14, "-1-02"},
        {"15", UNIT_MONTH, UNIT_MONTH, 15, "+1-03"},
        {"2", UNIT_QUARTER, UNIT_QUARTER, 6, "+0-06"},
        {"3", UNIT_YEAR, UNIT_YEAR, 36, "+3-00"},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        int64_t value;
        char text[TIME_MAX_TEXT];
        assert_true(interval_parse(str_from(good[i].text), good[i].first, good[i].last, &value));
        assert_int_equal(value, good[i].value);
        bool months = good[i].first >= UNIT_MONTH;
        interval_format(type_of(months ? TYPE_INTERVAL_YEAR_MONTH : TYPE_INTERVAL_DAY_TIME), value, text);
        assert_string_equal(text, good[i].shown);
    }
    static const struct {
        const char *text;
        enum time_unit first, last;
    } bad[] = {
        {"", UNIT_DAY, UNIT_DAY},
        {"x", UNIT_DAY, UNIT_DAY},
        {"1.5", UNIT_DAY, UNIT_DAY},
        {"1 24", UNIT_DAY, UNIT_HOUR},
        {"1 2:60", UNIT_DAY, UNIT_MINUTE},
        {"1-12", UNIT_YEAR, UNIT_MONTH},
        {"1 2", UNIT_YEAR, UNIT_MONTH},
        {"1", UNIT_DAY, UNIT_HOUR},
        {"1 2:3", UNIT_DAY, UNIT_HOUR},
        {"1", UNIT_EPOCH, UNIT_EPOCH},
        {"1", UNIT_NANOSECOND, UNIT_NANOSECOND},
        {"1 1", UNIT_WEEK, UNIT_DAY},
        {"1 1", UNIT_HOUR, UNIT_DAY},
        {"9999999999999999", UNIT_DAY, UNIT_DAY},
        {"99999999999999999999", UNIT_SECOND, UNIT_SECOND},
        {"999999999", UNIT_YEAR, UNIT_YEAR},
        {"1.", UNIT_SECOND, UNIT_SECOND},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int64_t value = 3;
        assert_false(interval_parse(str_from(bad[i].text), bad[i].first, bad[i].last, &value));
        assert_int_equal(value, 3);
    }
    char text[TIME_MAX_TEXT];
    interval_format(type_of(TYPE_INTERVAL_DAY_TIME), INT64_MIN, text);
    assert_string_equal(text, "-106751991167 07:12:55.808");
}

static void rescaling(void **state) {
    (void)state;
    int64_t out = 1;
    assert_true(timestamp_rescale(1234567, 6, 3, &out) && out == 1234000);
    assert_true(timestamp_rescale(-1, 6, 3, &out) && out == -1000);
    assert_true(timestamp_rescale(1234567, 6, 9, &out) && out == 1234567000);
    assert_true(timestamp_rescale(1234567891, 9, 6, &out) && out == 1234567);
    assert_true(timestamp_rescale(1234567891, 9, 7, &out) && out == 1234567800);
    assert_true(timestamp_rescale(-1, 9, 0, &out) && out == -1000000);
    assert_true(timestamp_rescale(1500000, 3, 6, &out) && out == 1500000);
    out = 1;
    assert_false(timestamp_rescale(INT64_MAX / 1000 + 1, 6, 9, &out) || timestamp_rescale(INT64_MIN, 6, 0, &out));
    assert_int_equal(out, 1);
}

static void months(void **state) {
    (void)state;
    int64_t out = 1;
    assert_true(timestamp_add_months(at("2024-01-31 10:00:00"), 1, &out) && out == at("2024-02-29 10:00:00"));
    assert_true(timestamp_add_months(at("2024-03-31"), -1, &out) && out == at("2024-02-29"));
    assert_true(timestamp_add_months(at("2023-12-31"), 14, &out) && out == at("2025-02-28"));
    assert_true(timestamp_add_months(INT64_MAX, 0, &out) && out == INT64_MAX);
    assert_true(timestamp_add_months(INT64_MIN, 0, &out) && out == INT64_MIN);
    out = 1;
    assert_false(timestamp_add_months(INT64_MAX, 1, &out) || timestamp_add_months(INT64_MIN, -1, &out) ||
                 timestamp_add_months(0, INT64_MAX, &out) || timestamp_add_months(0, INT64_MIN, &out));
    assert_int_equal(out, 1);
    assert_int_equal(timestamp_diff(at("2024-01-31"), at("2024-02-29"), UNIT_MONTH), 1);
    assert_int_equal(timestamp_diff(at("2024-01-31"), at("2024-02-28 23:59:59"), UNIT_MONTH), 0);
    assert_int_equal(timestamp_diff(at("2024-02-29"), at("2024-01-31"), UNIT_MONTH), -1);
    assert_int_equal(timestamp_diff(at("2020-01-01"), at("2024-12-31"), UNIT_YEAR), 4);
    assert_int_equal(timestamp_diff(at("2020-01-01"), at("2020-12-31"), UNIT_QUARTER), 3);
    assert_int_equal(timestamp_diff(at("2020-01-02 12:00:00"), at("2020-01-01 13:00:00"), UNIT_HOUR), -23);
    assert_int_equal(timestamp_diff(at("2020-01-02"), at("2020-01-01 00:00:01"), UNIT_DAY), 0);
    assert_int_equal(timestamp_diff(0, 5, UNIT_NANOSECOND), 5000);
    assert_true(timestamp_diff(INT64_MIN, INT64_MAX, UNIT_MICROSECOND) == INT64_MAX);
    timestamp_diff(INT64_MIN, INT64_MAX, UNIT_MONTH);
}

static void flooring(void **state) {
    (void)state;
    static const struct {
        enum time_unit unit;
        const char *floor, *ceil;
    } cases[] = {
        {UNIT_MICROSECOND, "2024-05-15 11:12:13.456789", "2024-05-15 11:12:13.456789"},
        {UNIT_MILLISECOND, "2024-05-15 11:12:13.456", "2024-05-15 11:12:13.457"},
        {UNIT_SECOND, "2024-05-15 11:12:13", "2024-05-15 11:12:14"},
        {UNIT_MINUTE, "2024-05-15 11:12:00", "2024-05-15 11:13:00"},
        {UNIT_HOUR, "2024-05-15 11:00:00", "2024-05-15 12:00:00"},
        {UNIT_DAY, "2024-05-15", "2024-05-16"},
        {UNIT_WEEK, "2024-05-12", "2024-05-19"},
        {UNIT_MONTH, "2024-05-01", "2024-06-01"},
        {UNIT_QUARTER, "2024-04-01", "2024-07-01"},
        {UNIT_YEAR, "2024-01-01", "2025-01-01"},
        {UNIT_DECADE, "2020-01-01", "2030-01-01"},
        {UNIT_CENTURY, "2001-01-01", "2101-01-01"},
        {UNIT_MILLENNIUM, "2001-01-01", "3001-01-01"},
    };
    int64_t t = at("2024-05-15 11:12:13.456789"), out;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t floored = timestamp_floor(t, cases[i].unit);
        assert_int_equal(floored, at(cases[i].floor));
        assert_true(timestamp_ceil(t, cases[i].unit, &out) && out == at(cases[i].ceil));
        assert_true(timestamp_ceil(floored, cases[i].unit, &out) && out == floored);
    }
    assert_int_equal(timestamp_floor(-1, UNIT_DAY), -MICROS_PER_DAY);
    for (enum time_unit unit = UNIT_NANOSECOND; unit <= UNIT_MILLENNIUM; unit++) {
        timestamp_floor(INT64_MIN, unit); /* nothing overflows at the ends */
        timestamp_floor(INT64_MAX, unit);
        timestamp_ceil(INT64_MIN, unit, &out);
        timestamp_ceil(INT64_MAX, unit, &out);
        timestamp_extract(INT64_MIN, unit);
    }
}

static void units(void **state) {
    (void)state;
    enum time_unit unit;
    for (int i = 0; i < UNIT_COUNT; i++) {
        assert_true(time_unit_parse(str_from(time_unit_name((enum time_unit)i)), &unit));
        assert_int_equal(unit, i);
    }
    assert_true(time_unit_parse(str_from("seconds"), &unit) && unit == UNIT_SECOND);
    assert_true(time_unit_parse(str_from("Centuries"), &unit) && unit == UNIT_CENTURY);
    assert_false(time_unit_parse(str_from("FORTNIGHT"), &unit));
}

static struct time_pattern *compiled(struct arena *arena, const char *pattern) {
    struct time_pattern *out;
    struct error err;
    if (time_pattern_compile(arena, str_from(pattern), &out, &err) != STATUS_OK) fail_msg("%s", err.message);
    return out;
}

static void patterns(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    struct strbuf buf = {0};
    for (size_t i = 0; i < sizeof pattern_cases / sizeof *pattern_cases; i++) {
        strbuf_clear(&buf);
        time_pattern_format(compiled(&arena, pattern_cases[i].pattern), pattern_cases[i].micros, &buf);
        assert_string_equal(buf.data, pattern_cases[i].text);
    }
    static const struct {
        const char *pattern, *text, *time; /* NULL: does not parse */
    } parses[] = {
        {"yyyy-MM-dd HH:mm:ss", "2024-05-06 07:08:09", "2024-05-06 07:08:09"},
        {"yyyyMMddHHmmssSSS", "20240506070809123", "2024-05-06 07:08:09.123"},
        {"yyyy-MM-dd", "2024-05-06", "2024-05-06"},
        {"dd/MM/yy", "06/05/24", "2024-05-06"},
        {"d.M.yyyy H:m", "6.5.2024 7:8", "2024-05-06 07:08:00"},
        {"yMMdd", "20240506", "2024-05-06"},
        {"MMM d, yyyy h:mm a", "May 6, 2024 7:08 PM", "2024-05-06 19:08:00"},
        {"MMM d, yyyy hh:mm a", "may 6, 2024 12:08 am", "2024-05-06 00:08:00"},
        {"EEEE, MMMM dd yyyy", "Monday, May 06 2024", "2024-05-06"},
        {"EEE yyyy-MM-dd", "Tue 2024-05-06", NULL},
        {"yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX", "2024-05-06T07:08:09.123456+02:00", "2024-05-06 05:08:09.123456"},
        {"yyyy-MM-dd'T'HH:mm:ssX", "2024-05-06T07:08:09Z", "2024-05-06 07:08:09"},
        {"yyyy-MM-dd HH:mm VV", "2024-05-06 07:08 Europe/Berlin", "2024-05-06 05:08:00"},
        {"yyyy-MM-dd HH:mm z", "2024-05-06 07:08 Nowhere/Land", NULL},
        {"yyyy-MM-dd[ HH:mm[:ss]]", "2024-05-06", "2024-05-06"},
        {"yyyy-MM-dd[ HH:mm[:ss]]", "2024-05-06 07:08", "2024-05-06 07:08:00"},
        {"yyyy-MM-dd[ HH:mm[:ss]]", "2024-05-06 07:08:09", "2024-05-06 07:08:09"},
        {"yyyy-DDD", "2024-366", "2024-12-31"},
        {"yyyy-DDD", "2023-366", NULL},
        {"YYYY-'W'ww", "2024-W01", "2024-01-01"},
        {"YYYY-'W'ww EEE", "2020-W53 Fri", "2021-01-01"},
        {"YYYY-'W'ww", "2021-W53", NULL},
        {"yyyy 'o''clock' QQQ", "2024 o'clock Q2", "2024-04-01"},
        {"kk:mm", "24:00", "1970-01-01"},
        {"K a", "11 PM", "1970-01-01 23:00:00"},
        {"A", "3600000", "1970-01-01 01:00:00"},
        {"yyyy-MM-dd", "2024-5-6", NULL},
        {"yyyy-MM-dd", "2024-05-06x", NULL},
        {"yyyy-MM-dd", "2024-02-30", NULL},
        {"yyyy-MM-dd", "", NULL},
        {"HH:mm", "24:00", NULL},
        {"hh", "13", NULL},
        {"yyyy", "99", NULL},
        {"yyyyyyyyy", "999999999", NULL},
        {"YYYYYYYYY ww", "999999999 01", NULL},
        {"yyyyyyyyy DDD EEE", "999999999 001 Mon", NULL},
    };
    for (size_t i = 0; i < sizeof parses / sizeof *parses; i++) {
        int64_t micros = 99;
        bool parsed = time_pattern_parse(compiled(&arena, parses[i].pattern), str_from(parses[i].text), &micros);
        if (parsed != (parses[i].time != NULL)) fail_msg("'%s' by %s", parses[i].text, parses[i].pattern);
        assert_int_equal(micros, parses[i].time ? at(parses[i].time) : 99);
    }
    static const char *const wrong[] = {"yyyy-MM-dd'T", "bb",     "HHH",       "MMMMM",     "yyyy]", "{",
                                        "aa",           "ZZZZZZ", "[[[[[[[[[", "yyyyyyyyyy"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct time_pattern *out = NULL;
        struct error err;
        assert_int_equal(time_pattern_compile(&arena, str_from(wrong[i]), &out, &err), STATUS_INVALID_ARGUMENT);
        assert_null(out);
    }
    char longest[600];
    memset(longest, '-', sizeof longest);
    struct time_pattern *out;
    assert_int_equal(time_pattern_compile(&arena, (struct str){longest, 600}, &out, NULL), STATUS_INVALID_ARGUMENT);
    strbuf_clear(&buf);
    time_pattern_format(compiled(&arena, "yyyy-MM-dd G n"), INT64_MIN, &buf);
    strbuf_free(&buf);
    arena_destroy(&arena);
}

static void zones(void **state) {
    (void)state;
    const struct time_zone *zone = NULL, *again;
    struct error err;
    for (size_t i = 0; i < sizeof zone_cases / sizeof *zone_cases; i++) {
        assert_int_equal(time_zone_find(str_from(zone_cases[i].zone), &zone, &err), STATUS_OK);
        assert_int_equal(time_zone_to_local(zone, zone_cases[i].micros), zone_cases[i].to_local);
        assert_int_equal(time_zone_to_utc(zone, zone_cases[i].micros), zone_cases[i].to_utc);
        assert_string_equal(time_zone_name(zone), zone_cases[i].zone);
        assert_int_equal(time_zone_find(str_from(zone_cases[i].zone), &again, &err), STATUS_OK);
        assert_ptr_equal(zone, again);
    }
    static const struct {
        const char *name;
        int seconds;
    } fixed[] = {{"UTC", 0},       {"Z", 0},
                 {"GMT", 0},       {"+08:00", 28800},
                 {"GMT+8", 28800}, {"UTC-03:30", -12600},
                 {"-1", -3600},    {"+01:02:03", 3723},
                 {"+0530", 19800}, {"UT+18:00", 64800}};
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++) {
        assert_int_equal(time_zone_find(str_from(fixed[i].name), &zone, &err), STATUS_OK);
        assert_int_equal(time_zone_to_local(zone, 5), 5 + fixed[i].seconds * MICROS_PER_SECOND);
        assert_int_equal(time_zone_to_utc(zone, 5), 5 - fixed[i].seconds * MICROS_PER_SECOND);
    }
    static const char *const unknown[] = {"",
                                          "Nowhere/Land",
                                          "+19:00",
                                          "../../etc/passwd",
                                          "/etc/localtime",
                                          "UTC+x",
                                          "libc:localtime",
                                          "Europe/Berlin\n",
                                          "AVeryLongNameThatNoZoneHas/AVeryLongNameThatNoZoneHas/AVeryLongName"};
    again = zone;
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
        assert_int_equal(time_zone_find(str_from(unknown[i]), &zone, &err), STATUS_INVALID_ARGUMENT);
    assert_ptr_equal(zone, again);
    assert_string_equal(time_zone_name(NULL), "UTC");
    assert_int_equal(time_zone_to_local(NULL, 42), 42);
    assert_int_equal(time_zone_to_utc(NULL, 42), 42);
    assert_int_equal(time_zone_find(str_from("Asia/Kolkata"), &zone, &err), STATUS_OK);
    assert_true(time_zone_to_local(zone, INT64_MAX) == INT64_MAX && time_zone_to_utc(zone, INT64_MIN) == INT64_MIN);
    int64_t value;
    assert_true(timestamp_parse(str_from("2024-01-01 05:30:00.5"), 9, zone, &value));
    assert_int_equal(value, at("2024-01-01 00:00:00.5") * 1000);
    assert_true(timestamp_parse(str_from("2024-01-01 05:30:00Z"), 6, zone, &value));
    assert_int_equal(value, at("2024-01-01 05:30:00"));
}

const struct CMUnitTest time_tests[] = {
    cmocka_unit_test(fields),    cmocka_unit_test(civil),     cmocka_unit_test(timestamp_texts),
    cmocka_unit_test(intervals), cmocka_unit_test(rescaling), cmocka_unit_test(dates_and_times),
    cmocka_unit_test(months),    cmocka_unit_test(flooring),  cmocka_unit_test(units),
    cmocka_unit_test(patterns),  cmocka_unit_test(zones),
};
const size_t time_tests_count = sizeof time_tests / sizeof *time_tests;
