#include "types/number.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

extern const struct CMUnitTest number_tests[];
extern const size_t number_tests_count;

/* clang-format off */
/* Computed with exact fractions. kind d: double ⇄ text; p: text → double; f: float → text. */
static const struct {
    char kind;
    uint64_t bits;
    const char *text;
} cases[] = {
    {'d', UINT64_C(0x4013999999999998), "4.899999999999999"},
    {'p', UINT64_C(0x4013999999999998), "4.899999999999999e+00"},
    {'d', UINT64_C(0x21e6a46f1c670ea9), "2.2665903472809895E-145"},
    {'p', UINT64_C(0x21e6a46f1c670ea9), "2.26659034728098947033162116747045e-145"},
    {'d', UINT64_C(0x412818b5cccccccd), "789594.9"},
    {'p', UINT64_C(0x412818b5cccccccd), "7.895949000000000233e+05"},
    {'d', UINT64_C(0x3ee46d43f026bd3a), "9.7402658E-6"},
    {'p', UINT64_C(0x3ee46d4483ecf9de), "9.74027e-06"},
    {'d', UINT64_C(0xc3d29128fb85abf6), "-5.351582500201159E18"},
    {'p', UINT64_C(0x43d29128fb85abf6), "5.35158250020115866e+18"},
    {'d', UINT64_C(0x0b6372fc33809913), "8.29E-254"},
    {'p', UINT64_C(0x0b6372fc33809913), "8.290000000000e-254"},
    {'d', UINT64_C(0x694398c5e11e99fb), "1.171902912043166E199"},
    {'p', UINT64_C(0x69439930474d0427), "1.172e+199"},
    {'d', UINT64_C(0x3f4bb7238f537819), "8.458064682164173E-4"},
    {'p', UINT64_C(0x3f4bda5119ce075f), "8.5e-04"},
    {'d', UINT64_C(0x3eba755e7b85c813), "1.57704788081E-6"},
    {'p', UINT64_C(0x3ec0c6f7a0b5ed8d), "2e-06"},
    {'d', UINT64_C(0x41a7906b966b020c), "1.97670347209E8"},
    {'p', UINT64_C(0x41a7906b966b020c), "1.976703472089999914169e+08"},
    {'d', UINT64_C(0x15607df9e4794195), "1.0273744944090423E-205"},
    {'p', UINT64_C(0x15607df9e349459a), "1.02737449e-205"},
    {'f', UINT64_C(0x40800000), "4.0"},
    {'d', UINT64_C(0x3f468d0e4dbf62d7), "6.882018892567465E-4"},
    {'p', UINT64_C(0x3f468d0e8aa11d0a), "6.88202e-04"},
    {'d', UINT64_C(0x1620000000000000), "4.082563051969564E-202"},
    {'p', UINT64_C(0x1620000000000000), "4.08256305196956366254518387306690371154e-202"},
    {'d', UINT64_C(0x451e5c330dde4b94), "9.175793522032477E24"},
    {'p', UINT64_C(0x451e5c330dde4b94), "9.17579352203247703451238400000000000e+24"},
    {'d', UINT64_C(0x5f70000000000000), "5.237424972633827E151"},
    {'p', UINT64_C(0x5f70000000000000), "5.23742497263382699e+151"},
    {'d', UINT64_C(0xde6081741f0fd9e9), "-4.122126139688612E146"},
    {'p', UINT64_C(0x5e6081741f0fd9e9), "4.1221261396886115785580370e+146"},
    {'d', UINT64_C(0x3dd19d53e06bd739), "6.40814E-11"},
    {'p', UINT64_C(0x3dd19ea2f1c7fc6f), "6.41e-11"},
    {'d', UINT64_C(0x712105d6f786613d), "8.66E236"},
    {'p', UINT64_C(0x712105d6f786613d), "8.6600000000000007654112378191200503188e+236"},
    {'d', UINT64_C(0x40c57a4bac710cb3), "10996.5912"},
    {'p', UINT64_C(0x40c57a4bac710cb3), "1.0996591200000000753789208829e+04"},
    {'d', UINT64_C(0x3fd4d221367a5006), "0.325325301362"},
    {'p', UINT64_C(0x3fd4d221367a5006), "3.25325301361999996707652371696894988418e-01"},
    {'d', UINT64_C(0x5da066ac2d5daec4), "1.0E143"},
    {'p', UINT64_C(0x5da066ac2d5daec4), "1.0000000e+143"},
    {'d', UINT64_C(0x3fe311fda3af472b), "0.59594614"},
    {'p', UINT64_C(0x3fe311fda3af472b), "5.95946140000000013082e-01"},
    {'d', UINT64_C(0x40b897199999999a), "6295.1"},
    {'p', UINT64_C(0x40b897199999999a), "6.295100000000000363797880709171295e+03"},
    {'d', UINT64_C(0x61a23d2f068007ca), "2.0513920825582673E162"},
    {'p', UINT64_C(0x61a23d2f068007ca), "2.05139208255826734969561753145747603e+162"},
    {'d', UINT64_C(0x411e5aca6789cf53), "497330.6011116404"},
    {'p', UINT64_C(0x411e5aca6789cf53), "4.973306011116404e+05"},
    {'d', UINT64_C(0x4123c55a00000000), "647853.0"},
    {'p', UINT64_C(0x4123c55a00000000), "6.4785300000000000000000000e+05"},
    {'f', UINT64_C(0xdc228135), "-1.8296404E17"},
    {'f', UINT64_C(0xaae1a1d5), "-4.0080322E-13"},
    {'d', UINT64_C(0xc3cedbf83d0fef0f), "-4.447287564362981E18"},
    {'p', UINT64_C(0x43cedb75782a14c0), "4.447e+18"},
    {'d', UINT64_C(0x21b0000000000000), "2.002083095183101E-146"},
    {'p', UINT64_C(0x21b000000000947e), "2.0020830952e-146"},
    {'d', UINT64_C(0x41a1ae58a0000000), "1.48319312E8"},
    {'p', UINT64_C(0x41a1adc1c0000000), "1.483e+08"},
    {'d', UINT64_C(0x4006666666666666), "2.8"},
    {'p', UINT64_C(0x4006666666666666), "2.799999999999999822e+00"},
    {'d', UINT64_C(0x4010cccccccccccd), "4.2"},
    {'p', UINT64_C(0x4010cccccccccccd), "4.20000000000000017763568394002504647e+00"},
    {'d', UINT64_C(0x41566fe173ee92b5), "5881733.811436345"},
    {'p', UINT64_C(0x41566fe173edfa44), "5.8817338114e+06"},
    {'d', UINT64_C(0xc376ca78e643aa15), "-1.0264112153143739E17"},
    {'p', UINT64_C(0x4376ca78960daf80), "1.026411e+17"},
    {'d', UINT64_C(0x8761e88346dfba81), "-4.1379683615011264E-273"},
    {'p', UINT64_C(0x0761e88346c3d376), "4.13796836e-273"},
    {'d', UINT64_C(0x6640000000000000), "3.3992831540273094E184"},
    {'p', UINT64_C(0x663ffffe0ddd2b27), "3.39928e+184"},
    {'d', UINT64_C(0x63e0000000000000), "1.2366520073655227E173"},
    {'p', UINT64_C(0x63dfffffffffffed), "1.23665200736552e+173"},
    {'d', UINT64_C(0x2d048a8833f0de1e), "7.877998439686833E-92"},
    {'p', UINT64_C(0x2d048a8833f0de1e), "7.877998439686832741493314170023e-92"},
    {'d', UINT64_C(0x4020ccccccccccca), "8.399999999999995"},
    {'p', UINT64_C(0x4020ccccccccccca), "8.3999999999999950262008496792987e+00"},
    {'d', UINT64_C(0x9a58d3bbadc55ff7), "-9.348637392496996E-182"},
    {'p', UINT64_C(0x1a58b2aaaaa7b74e), "9.3e-182"},
    {'d', UINT64_C(0x6384b378469b6732), "2.5E171"},
    {'p', UINT64_C(0x6384b378469b6732), "2.50000000000000e+171"},
    {'d', UINT64_C(0x7bebae55c423f907), "8.43E288"},
    {'p', UINT64_C(0x7bebae55c423f907), "8.430000000000000191453687911104035500367e+288"},
    {'d', UINT64_C(0x4008000000000000), "3.0"},
    {'p', UINT64_C(0x4008000000000000), "3.00000e+00"},
    {'d', UINT64_C(0x3fd6b4f2bb73def5), "0.3547942"},
    {'p', UINT64_C(0x3fd6b4f2bb73def5), "3.54794200000000004013855914308805950e-01"},
    {'f', UINT64_C(0xb41b7e5b), "-1.4481468E-7"},
    {'d', UINT64_C(0x40c08604198f1d3f), "8460.03203"},
    {'p', UINT64_C(0x40bf400000000000), "8e+03"},
    {'d', UINT64_C(0x4013333333333334), "4.800000000000001"},
    {'p', UINT64_C(0x4013333333333333), "4.80000e+00"},
    {'d', UINT64_C(0x3cc203af9ee75616), "5.0E-16"},
    {'p', UINT64_C(0x3cc203af9ee75616), "5.000000000000e-16"},
    {'d', UINT64_C(0x40d5f3d8707311d2), "22479.381863372233"},
    {'p', UINT64_C(0x40d5f3d8707311d2), "2.247938186337223305599763989448547363281e+04"},
    {'d', UINT64_C(0x1a6ed6cef5f089af), "2.322492149819028E-181"},
    {'p', UINT64_C(0x1a6ed6cef5f089af), "2.322492149819028014342662113632102e-181"},
    {'d', UINT64_C(0x3f77ad1cfad2f067), "0.005780327989835943"},
    {'p', UINT64_C(0x3f77ad1cfad2f067), "5.780327989835943279517405102297e-03"},
    {'d', UINT64_C(0x30f186f18675bf3b), "6.2E-73"},
    {'p', UINT64_C(0x30f186f18675bf3b), "6.200e-73"},
    {'d', UINT64_C(0xc3c994b9f96f1316), "-3.686605256925785E18"},
    {'p', UINT64_C(0x43c994b9f96f333e), "3.68660525693e+18"},
    {'d', UINT64_C(0x57ca2ef5d0c6224d), "8.06E114"},
    {'p', UINT64_C(0x57c9fd0fef9de8e0), "8e+114"},
    {'d', UINT64_C(0x43d6fc3b433dec26), "6.625055691812936E18"},
    {'p', UINT64_C(0x43d6e5fa42076500), "6.6e+18"},
    {'d', UINT64_C(0x36b9b0c1e2de5810), "4.5E-45"},
    {'p', UINT64_C(0x36b9b0c1e2de5810), "4.49999999999999985068569988e-45"},
    {'d', UINT64_C(0x79cc6e8b317662b4), "5.04E278"},
    {'p', UINT64_C(0x79cc6e8b317662b4), "5.0400000000000002821090e+278"},
    {'d', UINT64_C(0x3f068c7d64e6ed5c), "4.300840065548747E-5"},
    {'p', UINT64_C(0x3f068c7d64e6ed5c), "4.30084006554874710e-05"},
    {'d', UINT64_C(0x43b1852ceaecb2fc), "1.2624646580524145E18"},
    {'p', UINT64_C(0x43b1852ceaecb2fc), "1.2624646580524144640000000000e+18"},
    {'d', UINT64_C(0x3ffdd0453296eab9), "1.8633472419884767"},
    {'p', UINT64_C(0x3ffdced916872b02), "1.863e+00"},
    {'d', UINT64_C(0x263013ae7bd81529), "9.5E-125"},
    {'p', UINT64_C(0x263013ae7bd81529), "9.50000000000000031068e-125"},
    {'f', UINT64_C(0x360a725b), "2.0630166E-6"},
    {'d', UINT64_C(0x1f4da7eac25dba1e), "6.75E-158"},
    {'p', UINT64_C(0x1f4da7eac25dba1e), "6.75000e-158"},
    {'d', UINT64_C(0x6126bd007a645af9), "9.99E159"},
    {'p', UINT64_C(0x6126bd007a645af9), "9.98999999999999994503147418606588239470e+159"},
    {'d', UINT64_C(0x406a6777812407bc), "211.2333379462924"},
    {'p', UINT64_C(0x406a6777812407bc), "2.112333379462924085601e+02"},
    {'d', UINT64_C(0x3fe56ec7c957cd46), "0.669773"},
    {'p', UINT64_C(0x3fe56ec7c957cd46), "6.697729999999999517257265324588e-01"},
    {'d', UINT64_C(0x3ede4340df731afb), "7.2151919916E-6"},
    {'p', UINT64_C(0x3ede4340e00a6d24), "7.215192e-06"},
    {'d', UINT64_C(0x3fc999999999999a), "0.2"},
    {'p', UINT64_C(0x3fc999999999999a), "2.0000000000000001110223024625156540e-01"},
    {'d', UINT64_C(0x406cc00000000000), "230.0"},
    {'p', UINT64_C(0x406cc00000000000), "2.30000000000000000000e+02"},
    {'d', UINT64_C(0x262c2e0a176bfbfb), "8.325883963961758E-125"},
    {'p', UINT64_C(0x262c2e0a176bfbfb), "8.325883963961758132250e-125"},
    {'d', UINT64_C(0x58d0000000000000), "6.455624695217272E119"},
    {'p', UINT64_C(0x58d000000cac61ad), "6.455625e+119"},
    {'f', UINT64_C(0x40d44f7d), "6.634703"},
    {'f', UINT64_C(0x41800000), "16.0"},
    {'d', UINT64_C(0x54118c0324ed4e2c), "9.37E96"},
    {'p', UINT64_C(0x54118c0324ed4e2c), "9.369999999999999752219968461345269364e+96"},
    {'d', UINT64_C(0x6660000000000000), "1.3597132616109238E185"},
    {'p', UINT64_C(0x6660000000000000), "1.359713261610923772645345808774319685964e+185"},
    {'d', UINT64_C(0x4910000000000000), "8.92029807941225E43"},
    {'p', UINT64_C(0x490fffffffffcfaf), "8.9202980794e+43"},
    {'d', UINT64_C(0xaf2845fa4e57216f), "-1.599340418417762E-81"},
    {'p', UINT64_C(0x2f28488a5b445360), "1.6e-81"},
    {'d', UINT64_C(0x43c6accaabe091b2), "3.267807208769021E18"},
    {'p', UINT64_C(0x43c6accbf0d1bc10), "3.26781e+18"},
    {'d', UINT64_C(0xc3d125fd1ac06281), "-4.942687856486909E18"},
    {'p', UINT64_C(0x43d125fd1ac06281), "4.942687856486908928000e+18"},
    {'d', UINT64_C(0x5fd0000000000000), "3.3519519824856493E153"},
    {'p', UINT64_C(0x5fd0000000000000), "3.3519519824856492748935e+153"},
    {'d', UINT64_C(0x47517e5f8ba00e1b), "3.633288003700086E35"},
    {'p', UINT64_C(0x47517e5f8ba00e1b), "3.6332880037000857107465e+35"},
    {'d', UINT64_C(0x2fb86fa6941cefb0), "8.243538489627763E-79"},
    {'p', UINT64_C(0x2fb86fa6941cefb0), "8.2435384896277628437432739993408700e-79"},
    {'d', UINT64_C(0x413487dd7e353f7d), "1345501.493"},
    {'p', UINT64_C(0x413487dd7e353f7d), "1.3455014930000000167638063430786133e+06"},
    {'d', UINT64_C(0x7390000000000000), "4.474828737261713E248"},
    {'p', UINT64_C(0x7390000000000000), "4.474828737261712688190434990e+248"},
    {'d', UINT64_C(0x40c0013f515de8c2), "8194.494670618678"},
    {'p', UINT64_C(0x40bf400000000000), "8e+03"},
    {'f', UINT64_C(0x4441628f), "773.54"},
    {'d', UINT64_C(0xcee1dfdd5f54bcfd), "-9.86920553884602E71"},
    {'p', UINT64_C(0x4ee1dfdd5f54bcfd), "9.8692055388460207170770111e+71"},
    {'d', UINT64_C(0x4016666666666664), "5.599999999999998"},
    {'p', UINT64_C(0x4016666666666664), "5.599999999999997868372e+00"},
    {'d', UINT64_C(0xc3d7b1e12a52bde5), "-6.829573222572725E18"},
    {'p', UINT64_C(0x43d7b1e12a52bde5), "6.8295732225727252480e+18"},
    {'d', UINT64_C(0x3fd71445861c5010), "0.36061227890718417"},
    {'p', UINT64_C(0x3fd71445861c5011), "3.606122789071842e-01"},
    {'d', UINT64_C(0x4019999999999999), "6.3999999999999995"},
    {'p', UINT64_C(0x4019999999999999), "6.399999999999999467092948179924861e+00"},
    {'d', UINT64_C(0x43a2e40076b1976b), "6.80606748579182E17"},
    {'p', UINT64_C(0x43a2e40076b197f8), "6.806067485792e+17"},
    {'d', UINT64_C(0x875333c7a58f806d), "-2.218484543579993E-273"},
    {'p', UINT64_C(0x075333c7a58f806d), "2.21848454357999282972410006176e-273"},
    {'d', UINT64_C(0x43d67ff4cabb9fdc), "6.48513416978022E18"},
    {'p', UINT64_C(0x43d67ff4cabb9fc9), "6.4851341697802e+18"},
    {'d', UINT64_C(0x76f3c1d532b18b7f), "9.954070337711223E264"},
    {'p', UINT64_C(0x76f3c1d53170108e), "9.9540703e+264"},
    {'d', UINT64_C(0xc3ca317d9b5843c9), "-3.7748556499983775E18"},
    {'p', UINT64_C(0x43cbc16d674ec800), "4e+18"},
    {'d', UINT64_C(0x55a0000000000000), "2.8668732699875894E104"},
    {'p', UINT64_C(0x55a0000000000000), "2.86687326998758938951352612e+104"},
    {'d', UINT64_C(0xc3de20520894751c), "-8.683300868785992E18"},
    {'p', UINT64_C(0x43de205208947524), "8.6833008687860e+18"},
    {'d', UINT64_C(0x3fcaf4f0d844d014), "0.2106"},
    {'p', UINT64_C(0x3fcaf4f0d844d014), "2.1060000000000000941469124882e-01"},
    {'d', UINT64_C(0x788569ca6567c2f7), "3.62E272"},
    {'p', UINT64_C(0x788569ca6567c2f7), "3.6200e+272"},
    {'d', UINT64_C(0x4125a14447ae147b), "708770.14"},
    {'p', UINT64_C(0x4125a18000000000), "7.088e+05"},
    {'d', UINT64_C(0x3d32c01ddb41a0e7), "6.6615E-14"},
    {'p', UINT64_C(0x3d32c01ddb41a0e7), "6.66150000000000019084889129e-14"},
    {'d', UINT64_C(0x2af0204c29891984), "7.2E-102"},
    {'p', UINT64_C(0x2af0204c29891984), "7.1999999999999999916652e-102"},
    {'f', UINT64_C(0x42087ae1), "34.12"},
    {'d', UINT64_C(0x400f333333333336), "3.9000000000000012"},
    {'p', UINT64_C(0x400f333333333336), "3.90000000000000124344978758017533e+00"},
    {'d', UINT64_C(0x0830000000000000), "3.0286135965869433E-269"},
    {'p', UINT64_C(0x08300000004d7149), "3.0286136e-269"},
    {'d', UINT64_C(0x6b40e5c33a542a0b), "4.34E208"},
    {'p', UINT64_C(0x6b40bde4d1f9bac3), "4.3e+208"},
    {'d', UINT64_C(0xc3daf4e2ffa4210b), "-7.769707707606773E18"},
    {'p', UINT64_C(0x43daf4e2ffa4210b), "7.7697077076067727e+18"},
    {'d', UINT64_C(0x4150a2f037a54592), "4361152.869462388"},
    {'p', UINT64_C(0x414e848000000000), "4e+06"},
    {'f', UINT64_C(0x93c22969), "-4.901332E-27"},
    {'d', UINT64_C(0x70c981d8336f85ae), "2.0275403560517037E235"},
    {'p', UINT64_C(0x70c981d8336f85ae), "2.027540356051703715917058601711857843061e+235"},
    {'d', UINT64_C(0x411ee55dcccccccd), "506199.45"},
    {'p', UINT64_C(0x411ee56000000000), "5.0620e+05"},
    {'f', UINT64_C(0x27800000), "3.5527137E-15"},
    {'d', UINT64_C(0xc3a2bcf8e8475154), "-6.751138324084598E17"},
    {'p', UINT64_C(0x43a2bcf8e8475154), "6.7511383240845977600000000000000000000e+17"},
    {'f', UINT64_C(0x3faf1865), "1.367932"},
    {'d', UINT64_C(0x67910ebabffb20af), "7.6E190"},
    {'p', UINT64_C(0x67910ebabffb20af), "7.6000000000e+190"},
    {'f', UINT64_C(0x43f45eb8), "488.74"},
    {'d', UINT64_C(0x41be5ccf475c5048), "5.093988553606E8"},
    {'p', UINT64_C(0x41be5ccf475c5048), "5.0939885536059999465942382812e+08"},
    {'d', UINT64_C(0x0000000000000001), "4.9E-324"},
    {'d', UINT64_C(0x44c52d02c7e14af6), "2.0E23"},
    {'d', UINT64_C(0x44b52d02c7e14af6), "1.0E23"},
    {'d', UINT64_C(0x3f50624dd2f1a9fc), "0.001"},
    {'d', UINT64_C(0x416312cfe0000000), "9999999.0"},
    {'d', UINT64_C(0x416312d000000000), "1.0E7"},
    {'d', UINT64_C(0x3f50385c67dfe32a), "9.9E-4"},
    {'d', UINT64_C(0x3ee4f8b588e368f1), "1.0E-5"},
    {'d', UINT64_C(0x0010000000000000), "2.2250738585072014E-308"},
};
/* clang-format on */

static void computed_cases(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[NUMBER_MAX_TEXT];
        double d, back;
        float f;
        uint32_t bits = (uint32_t)cases[i].bits;
        memcpy(&d, &cases[i].bits, 8);
        memcpy(&f, &bits, 4);
        if (cases[i].kind == 'f') {
            assert_int_equal(number_format_float(f, text), strlen(cases[i].text));
            assert_string_equal(text, cases[i].text);
            continue;
        }
        assert_true(number_parse_double(str_from(cases[i].text), &back));
        assert_memory_equal(&back, &d, 8);
        if (cases[i].kind == 'p') continue;
        assert_int_equal(number_format_double(d, text), strlen(cases[i].text));
        assert_string_equal(text, cases[i].text);
    }
}

static void special_texts(void **state) {
    (void)state;
    static const struct {
        double d;
        const char *text;
    } specials[] = {
        {NAN, "NaN"},
        {INFINITY, "Infinity"},
        {-INFINITY, "-Infinity"},
        {0.0, "0.0"},
        {-0.0, "-0.0"},
        {1, "1.0"},
        {100, "100.0"},
        {9999999, "9999999.0"},
        {1e7, "1.0E7"},
        {12345678.5, "1.23456785E7"},
        {0.002, "0.002"},
        {0.001, "0.001"},
        {0.000999, "9.99E-4"},
        {-1.5e300, "-1.5E300"},
    };
    for (size_t i = 0; i < sizeof specials / sizeof *specials; i++) {
        char text[NUMBER_MAX_TEXT];
        number_format_double(specials[i].d, text);
        assert_string_equal(text, specials[i].text);
        number_format_float((float)specials[i].d, text);
        if (fabs(specials[i].d) < 1e5 || !isfinite(specials[i].d)) assert_string_equal(text, specials[i].text);
    }
    double d;
    assert_true(number_parse_double(str_from(" NaN "), &d) && isnan(d));
    assert_true(number_parse_double(str_from("-infinity"), &d) && d == -INFINITY);
    assert_true(number_parse_double(str_from("+Inf"), &d) && d == INFINITY);
    assert_true(number_parse_double(str_from("1e999"), &d) && d == INFINITY);
    assert_true(number_parse_double(str_from("1e-999999999999"), &d) && d == 0);
    assert_true(number_parse_double(str_from("-0"), &d) && d == 0 && signbit(d));
    assert_true(number_parse_double(str_from(".5"), &d) && d == 0.5);
    assert_true(number_parse_double(str_from("5."), &d) && d == 5);
    assert_true(number_parse_double(str_from("0000000000000000000000000000001.5"), &d) && d == 1.5);
    char longer[400];
    memset(longer, '1', sizeof longer);
    longer[1] = '.';
    assert_true(number_parse_double((struct str){longer, sizeof longer}, &d) && d == 10.0 / 9);
    static const char *const bad[] = {"",      " ",   ".",     "-",   "e5",   "1e",  "1e+",
                                      "1.2.3", "1,5", "0x1p3", "1 2", "nano", "--1", "1f"};
    d = 3;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_false(number_parse_double(str_from(bad[i]), &d));
    assert_true(d == 3);
}

static void integers(void **state) {
    (void)state;
    static const int64_t values[] = {0, 1, -1, 9, 10, 99, 100, -100, 12345, 1234567890123456789, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        char text[NUMBER_MAX_TEXT], expected[NUMBER_MAX_TEXT];
        snprintf(expected, sizeof expected, "%lld", (long long)values[i]);
        assert_int_equal(number_format_int(values[i], text), strlen(expected));
        assert_string_equal(text, expected);
        int64_t back;
        assert_true(number_parse_int(str_from(text), INT64_MIN, INT64_MAX, &back));
        assert_true(back == values[i]);
    }
    int64_t out = 5;
    assert_true(number_parse_int(str_from(" +007\n"), 0, 7, &out) && out == 7);
    static const char *const bad[] = {
        "",  " ",  "-", "+-1", "1.0", "1e3", "9223372036854775808", "-9223372036854775809", "92233720368547758070",
        "8", "-1", "x", "1 1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_false(number_parse_int(str_from(bad[i]), 0, 7, &out));
    assert_int_equal(out, 7);
}

const struct CMUnitTest number_tests[] = {
    cmocka_unit_test(computed_cases),
    cmocka_unit_test(special_texts),
    cmocka_unit_test(integers),
};
const size_t number_tests_count = sizeof number_tests / sizeof *number_tests;
