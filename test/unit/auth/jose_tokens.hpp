// Written by test/npm/make_jwt_vectors.mjs: tokens that jose, of npm, has signed, and their public
// keys.
//
// Good from 1800000000 to 1800003600.
#pragma once

#include <string_view>

namespace penstock::auth::jose {

struct Signed {
    std::string_view algorithm;
    std::string_view token;
};

inline constexpr std::string_view key_set =
    R"({"keys":[{"kty":"oct","k":"TZk6WbBvu4_6DWs1_wR2OsknyB6BjhX-OAD6Q43AnNT3SRGTlcTi5XJLpvaZ0)"
    R"(qpQP00MukvWHsrP3qNfY1Y56A","kid":"oct"},{"kty":"RSA","n":"r-BuYZ5eHbRmdGhev-cEO-oZVy5QHc)"
    R"(a_5FgWXyom-Cbz3aD4QByN51KWF74dIjOn85oKEk_nh3gOZXeNL1hVBtue_vLpRUVQvDgAnJbxNIY6O8iCb4nfiE)"
    R"(iQglBln88LkwPD_UOTRL6-5S8a1GC9xQU08hYrqUaLnWXH8cJgozMTqBXbNFIMVn8h0vpScOja9EOLaiixuETeTi)"
    R"(xA1yTqlSzRIdCpQUsKnVIRr8zC-OwwTi4Zj886pXKCMBgntKJp23QRo_xVjiWWP_GZxWyIOQ5rEql-9qWtEwjK-s)"
    R"(Szc4umvgEYpTSrhodLay2NFXPcAu4KJv_ExbVWq8Nr4MmMPQ","e":"AQAB","kid":"rsa"},{"kty":"EC","x)"
    R"(":"RRM2DfcIYYC40UlH2eQV6WWgPfYjVQKT0Sz1gczkkN8","y":"aaBglrpbtSdC7RCGn0n6j9g3RjSizeKGX8n)"
    R"(AM_hJ04Q","crv":"P-256","kid":"es256"},{"kty":"EC","x":"xBLDHH7SsXoJGAcZ5IxZEoyG6nlYv9Vi)"
    R"(Z5M4oKsWYHEw54ammU2oYyg4Lc3KpD3G","y":"jY5GB_PHXF43qDgHh6VFUJFw2bwmE1tqSAhq2IAxnwqSN_veq)"
    R"(ieGH2Z0DkQwYQ8w","crv":"P-384","kid":"es384"},{"kty":"EC","x":"AThMwnXtH5x1b27bosRFt9mhB)"
    R"(ZSQ6-E68zMg82EXVwZLbFcfQdzgT5o4Nn3OyBCmjT4JofckAZvywfoHGCddR6ak","y":"AJQaGBBLbo2dU08Due)"
    R"(7Lf1BUfcDcm8UXNPy_wx-A57S7sm1UVaUKTd4Nmb3K5R86Jn2KUV_2QGK5XYYhX7qhjAB7","crv":"P-521","k)"
    R"(id":"es512"},{"crv":"Ed25519","x":"fKNMa7blwa5TTp8TP2yQE9RVpLkukB7xKQfsJS6T2ps","kty":"O)"
    R"(KP","kid":"eddsa"}]})";

// clang-format off
inline constexpr Signed tokens[] = {
    {"HS256",
     R"(eyJhbGciOiJIUzI1NiIsImtpZCI6Im9jdCIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGF)"
     R"(tcGxlIiwic3ViIjoic29tZW9uZSIsImF1ZCI6WyJhcGkiLCJ3ZWIiXSwiaWF0IjoxODAwMDAwMDAwLCJuYmYiOjE)"
     R"(4MDAwMDAwMDAsImV4cCI6MTgwMDAwMzYwMH0.5DhgNZckBDpH6yaJe5BrSoUAn61UVvWbk8piq4WZBE0)"},
    {"HS384",
     R"(eyJhbGciOiJIUzM4NCIsImtpZCI6Im9jdCIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGF)"
     R"(tcGxlIiwic3ViIjoic29tZW9uZSIsImF1ZCI6WyJhcGkiLCJ3ZWIiXSwiaWF0IjoxODAwMDAwMDAwLCJuYmYiOjE)"
     R"(4MDAwMDAwMDAsImV4cCI6MTgwMDAwMzYwMH0.rzEz46hfL-VBe9AFhnFEXQsUS3Idin27szUidOZqaA9krLZUp_w)"
     R"(aevWqmY0ZCkNO)"},
    {"HS512",
     R"(eyJhbGciOiJIUzUxMiIsImtpZCI6Im9jdCIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGF)"
     R"(tcGxlIiwic3ViIjoic29tZW9uZSIsImF1ZCI6WyJhcGkiLCJ3ZWIiXSwiaWF0IjoxODAwMDAwMDAwLCJuYmYiOjE)"
     R"(4MDAwMDAwMDAsImV4cCI6MTgwMDAwMzYwMH0._5WjGycIJodKPLUar3qMtLSRhX55mjeovY0p5jeXgQ6rbgHVBqX)"
     R"(JFfGUkCi-lFVjG_M5vl25nuEsG-OsGi35BA)"},
    {"RS256",
     R"(eyJhbGciOiJSUzI1NiIsImtpZCI6InJzYSIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGF)"
     R"(tcGxlIiwic3ViIjoic29tZW9uZSIsImF1ZCI6WyJhcGkiLCJ3ZWIiXSwiaWF0IjoxODAwMDAwMDAwLCJuYmYiOjE)"
     R"(4MDAwMDAwMDAsImV4cCI6MTgwMDAwMzYwMH0.aGMtePPS6-30EGbFyJYRvkuPkUlW9wIPFDotl0LjiBpS7-EhaZg)"
     R"(gcdxBNNJq57Fh5VoBLja3uMH22TyVaGGJFOYFoe8uzyb26XNsJ-Zh7efgS8tNOuMl2we__8Z_6mP7s3XigziwfTf)"
     R"(F1Wy0aFbl1tRNw5Mk_T4Kvw01ySbex4R5SktmDH5EEceXAHvJ8IHCOwS4BjlaX9kS_lRM7V4VAut8Uj7CvraUOUC)"
     R"(qKJc93aELqszsEtJNtb9PuOJU2iyGWVIafSfCAbN7RHNCMrqSBi_Q_bEDq7Jy6y8D1wmTsKZ3E6YTZ_p5f0cgSAV)"
     R"(YY4YsJAoxEX29lew4XU0uuVJ4gw)"},
    {"RS384",
     R"(eyJhbGciOiJSUzM4NCIsImtpZCI6InJzYSIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGF)"
     R"(tcGxlIiwic3ViIjoic29tZW9uZSIsImF1ZCI6WyJhcGkiLCJ3ZWIiXSwiaWF0IjoxODAwMDAwMDAwLCJuYmYiOjE)"
     R"(4MDAwMDAwMDAsImV4cCI6MTgwMDAwMzYwMH0.eCkSJBansd6xYHQ1ukdcaHNc4GNvSbloo5vjA7e73PXxss4nQy9)"
     R"(XG3frKzmhRqC8kJzAvfwR6Pg-TICoqDOF2IgnWqKAxboc_36tnQ4nIv55ipqsl7S9EJjdqrqDMGfJgQSziOe7r2F)"
     R"(dNeeBLFY0yFtFIprT4hsiFxRmcDJx8TKrZ5v9eLFVpxIwAQgEyUGOjgn-V9wJp-BBJFhABqUT7NdxRyWSfV5C0Yv)"
     R"(6TQBPQP8eL3UW7Eo4606bjuhl5fOQnSx9hGydlDX7JHL64TiyPrBH4Z4higfFhsCRdeoISYOOMwp3mRvMqzctIvo)"
     R"(aWWt_N4v2Y4afs3u7bv1SmkFG7Q)"},
    {"RS512",
     R"(eyJhbGciOiJSUzUxMiIsImtpZCI6InJzYSIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGF)"
     R"(tcGxlIiwic3ViIjoic29tZW9uZSIsImF1ZCI6WyJhcGkiLCJ3ZWIiXSwiaWF0IjoxODAwMDAwMDAwLCJuYmYiOjE)"
     R"(4MDAwMDAwMDAsImV4cCI6MTgwMDAwMzYwMH0.KGAClu2WQO_XFA4S6K44ygE3xBEgkUUTOlvQwKUID85TORfm-Hv)"
     R"(z61GQSH8iJ3zEGoNriyub1mlGufYmEcljrTOWYrMVAi0M283d9D7NVzwJH6BNXd1N75s5bgPOAzkTc-U2-poVyLa)"
     R"(Tp8uHy2Pp_9SvqVa8xL2zflcaeR5oCT4IHffqe1n0o_QdFlpZQhUKW68j6lIs5uweBIaJnx9OskKCl-ZaXxenbxG)"
     R"(K8ZegmX2eGw_dS7cdttRmBYj8kxhqbuJUBDkzdT5xifjwiEICm6jaAM9v54tShHAYeS02cqI2fKjXYrwy20fSPZ3)"
     R"(jSIag6F2Im2vvk5VCL2cy1l8_eA)"},
    {"PS256",
     R"(eyJhbGciOiJQUzI1NiIsImtpZCI6InJzYSIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGF)"
     R"(tcGxlIiwic3ViIjoic29tZW9uZSIsImF1ZCI6WyJhcGkiLCJ3ZWIiXSwiaWF0IjoxODAwMDAwMDAwLCJuYmYiOjE)"
     R"(4MDAwMDAwMDAsImV4cCI6MTgwMDAwMzYwMH0.PxEk_2PIIOhMYjaDaLfqnyDbK8AbXsfScP-0d1wTJEEQX39Dncb)"
     R"(wYwJHgnDtc2zFfzMl4O-6iifRq2iv7BscVxQvXEZE9F7arx0_YD9qih135C3QwyHMp4zaC-r3UAbEPrDoYVVLumS)"
     R"(xhuyk1R-xu5tOvecLjbeYq1E0HHEzxZtHrP7ZfeImifRlf2tYMuWCLl_bXiNTGHDMlUd_vATEha7zurvaOEeahy6)"
     R"(GBy974d6OeI9dSvCe7kEcjQnxHQrQ2bhZHN-jUBp1KaCvykiJ6SAImDAg7nWlyP1xL-qzVy53tNXYg28Cyr3arC5)"
     R"(KALMNjKh4Tq17MA3WkS9QC5z44A)"},
    {"PS384",
     R"(eyJhbGciOiJQUzM4NCIsImtpZCI6InJzYSIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGF)"
     R"(tcGxlIiwic3ViIjoic29tZW9uZSIsImF1ZCI6WyJhcGkiLCJ3ZWIiXSwiaWF0IjoxODAwMDAwMDAwLCJuYmYiOjE)"
     R"(4MDAwMDAwMDAsImV4cCI6MTgwMDAwMzYwMH0.DDq_oDO4wBE_cyYvTFTL2JoQVlwMqcJevNLj1pyva5q4WMYiylE)"
     R"(NXIno9B8OTptl7lOZL7ezhcALFwvXW8YtbPIH_ykTMU4WhBKHSEvcxPo7GzBR9Z5miHPF61oFliDGlYr17mwOije)"
     R"(m2Is2JTURBqdSIcKfg3vb20zYYVjJEiBFoY3z5AQ_7WiwncZ_JlHsTkGXLN5Ed8tdVMrESRaJ498Ub6ICEnVpS15)"
     R"(z2N_UOHKLUmzkCT67MULpvFk1PelpAKczPxwGFWuQy7Dma_zjGXDACkmFmCNs7J8iGiA2cPIt_GVBO7eFGnAihYR)"
     R"(0RSnnHS8RDLbHd4wPK74bRnuZ0w)"},
    {"PS512",
     R"(eyJhbGciOiJQUzUxMiIsImtpZCI6InJzYSIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGF)"
     R"(tcGxlIiwic3ViIjoic29tZW9uZSIsImF1ZCI6WyJhcGkiLCJ3ZWIiXSwiaWF0IjoxODAwMDAwMDAwLCJuYmYiOjE)"
     R"(4MDAwMDAwMDAsImV4cCI6MTgwMDAwMzYwMH0.prtP7-y43imBHL8FfQppkNjXbjC5K1M1-8ygJtjWl2mh8zz_Nz3)"
     R"(i12d6CKbyTlOO5LbpA8JvIQzESJLTYYD_fNyDot1w36r3TuzaDy7TovPU9zvGMj2GfKP4IQjVKvCLu7MBZuC8Eff)"
     R"(u06iFzCV-eJTdfniXrxd7W9_Ww_pC5uyoYngkDx4MilDiqjIruOyPthGkIU5r-UQlM7VRvyvr3IZZYbIL3v5qnTR)"
     R"(ZLe3rL9u4zs1aZmxLCLQnQfrewopwJ2MePhEMLHA9GvR05UXKTlPzTBOP2nVxBAbz2b3n9O8M4LelG97VxDAqgxR)"
     R"(jG5Js6hnVKnInjhEBLxNx2Nz_8g)"},
    {"ES256",
     R"(eyJhbGciOiJFUzI1NiIsImtpZCI6ImVzMjU2IiwidHlwIjoiSldUIn0.eyJpc3MiOiJodHRwczovL2lzc3Vlci5l)"
     R"(eGFtcGxlIiwic3ViIjoic29tZW9uZSIsImF1ZCI6WyJhcGkiLCJ3ZWIiXSwiaWF0IjoxODAwMDAwMDAwLCJuYmYi)"
     R"(OjE4MDAwMDAwMDAsImV4cCI6MTgwMDAwMzYwMH0.jVUtbQa3jR1Jmo3ggdcT8UOy6LqUxPhDlo5IiwED7scx77w_)"
     R"(R1uSPXhe12mwIa-ZzfdGi4D7GyQ6WZzzM7nTpw)"},
    {"ES384",
     R"(eyJhbGciOiJFUzM4NCIsImtpZCI6ImVzMzg0IiwidHlwIjoiSldUIn0.eyJpc3MiOiJodHRwczovL2lzc3Vlci5l)"
     R"(eGFtcGxlIiwic3ViIjoic29tZW9uZSIsImF1ZCI6WyJhcGkiLCJ3ZWIiXSwiaWF0IjoxODAwMDAwMDAwLCJuYmYi)"
     R"(OjE4MDAwMDAwMDAsImV4cCI6MTgwMDAwMzYwMH0.xBxxRLBORlysZXOVgT3DYqFfNrKD2v25wv7Uy97Z-EBeTk3T)"
     R"(TxcjRb66znSPr46pjl8fJaVeJra1db9nhbmp_CbuzIp_CAm09Gflcprw29JSGSRzsm9okBTQmo2oIpvu)"},
    {"ES512",
     R"(eyJhbGciOiJFUzUxMiIsImtpZCI6ImVzNTEyIiwidHlwIjoiSldUIn0.eyJpc3MiOiJodHRwczovL2lzc3Vlci5l)"
     R"(eGFtcGxlIiwic3ViIjoic29tZW9uZSIsImF1ZCI6WyJhcGkiLCJ3ZWIiXSwiaWF0IjoxODAwMDAwMDAwLCJuYmYi)"
     R"(OjE4MDAwMDAwMDAsImV4cCI6MTgwMDAwMzYwMH0.AVWXohjylWvn1IFalM9KHQnnqjlc6Pb8vuxZ9MbM96dnFPam)"
     R"(6_Ysp_7cKzlB5jl-4vLHN7W5uNYcJkJirg5D7HqLAaxvKhVkLqGfW_DVU2pmY_Q109fAboqR6afmazEMQULGCp2C)"
     R"(ViQlRuGwBG5OyAOXeFg4xPGwMtfGacUbJyYhtrDe)"},
    {"EdDSA",
     R"(eyJhbGciOiJFZERTQSIsImtpZCI6ImVkZHNhIiwidHlwIjoiSldUIn0.eyJpc3MiOiJodHRwczovL2lzc3Vlci5l)"
     R"(eGFtcGxlIiwic3ViIjoic29tZW9uZSIsImF1ZCI6WyJhcGkiLCJ3ZWIiXSwiaWF0IjoxODAwMDAwMDAwLCJuYmYi)"
     R"(OjE4MDAwMDAwMDAsImV4cCI6MTgwMDAwMzYwMH0._WV9Ass0hCGMgQWBgZnQiQOdoF80ASvDGg9B6bzsy37-uX3N)"
     R"(WevtcNW4Z5IzJxNWsswj_JbhpS0GxFLRhsbaDw)"},
};
// clang-format on

}  // namespace penstock::auth::jose
